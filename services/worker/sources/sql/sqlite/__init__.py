"""SQLite, through ADBC."""
