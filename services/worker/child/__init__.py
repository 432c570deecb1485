"""The process that builds one file at a time."""
