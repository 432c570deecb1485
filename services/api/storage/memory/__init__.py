"""The ports in memory: for tests, ours and those of whoever builds on the ports. Nothing of it outlives the process."""
