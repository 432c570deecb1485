"""The use cases of callers, workers and operators."""
