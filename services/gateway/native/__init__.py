"""The native door: every method of exportd.v1 as JSON below /v1/."""
