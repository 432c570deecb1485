"""Pure rules of states, exports and retries, without I/O, clock, messages or SQL."""
