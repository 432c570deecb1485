"""The worker: leases jobs, reads sources, writes files."""
