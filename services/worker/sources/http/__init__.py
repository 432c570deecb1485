"""Rows and attachments from HTTP APIs."""
