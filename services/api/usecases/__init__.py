"""What callers, workers and operators may do."""
