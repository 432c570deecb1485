"""State that one process holds in memory: hints, workers and previews. Losing it costs a delay, never a result."""
