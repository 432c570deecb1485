"""The parts of the store that are specific to SQLite: the file, the writing thread, and migrations."""
