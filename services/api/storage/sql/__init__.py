"""The store in SQL, whatever the engine: tables, guarded transitions and verbs."""
