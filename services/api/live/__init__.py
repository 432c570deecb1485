"""What one process holds in memory: hints, workers and previews. Its loss costs a delay, never a result."""
