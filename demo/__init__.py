"""Runs both services with the sample data, for a demonstration or for experiments."""
