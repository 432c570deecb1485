"""The store in SQL, independent of the engine: tables, guarded transitions, and the statements of each port."""
