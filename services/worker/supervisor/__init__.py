"""The process that holds leases, starts children and talks to the api."""
