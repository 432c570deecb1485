"""How rows become files: one format, one file."""
