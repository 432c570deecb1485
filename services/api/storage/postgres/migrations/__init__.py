"""The migrations of the schema. A migration never changes once it has been released.

A migration only expands, so that programs of the previous release can run beside it: it adds tables, indexes, and
columns that may be NULL or have a default. What is no longer needed is removed one release later, by a migration that
also sets `schema_support` to the revision that a program must know to run beside it.
"""
