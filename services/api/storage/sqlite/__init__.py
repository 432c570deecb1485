"""What is SQLite's own: the file, the thread that writes, migrations."""
