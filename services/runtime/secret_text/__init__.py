"""Secrets that settings keep elsewhere."""
