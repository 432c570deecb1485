"""The language that both services speak, in plain Python: what a job, a lease, a file and an error are."""
