"""Pure rules: states, exports, retry. No I/O, no clock, no messages, no SQL."""
