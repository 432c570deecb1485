"""The history of the schema. A migration never changes once it was released.

It expands, so that programs of the release before go on beside it: columns that may be NULL or have a default, tables,
indexes. What becomes needless is taken away a release later, by a migration that also says in `schema_support` which
revision a program must know to go on beside it.
"""
