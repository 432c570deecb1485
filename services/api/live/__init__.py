"""What one process holds in memory: hints, presence and previews. Its loss costs a delay, never a result."""
