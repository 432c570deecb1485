"""The ports in memory, for tests: ours, and those of projects that use the ports. Nothing outlives the process."""
