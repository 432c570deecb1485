"""Runs both services on the sample data: for a demonstration, or to try things out."""
