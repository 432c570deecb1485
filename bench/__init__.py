"""Measures exportd and the fastest alternatives in one run on one machine."""
