"""Pure rules: states, exports, retries. No I/O, no clock, no messages, no SQL."""
