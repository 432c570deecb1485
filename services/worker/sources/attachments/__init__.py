"""Files that belong to rows."""
