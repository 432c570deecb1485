"""The store in PostgreSQL, which several processes may share."""
