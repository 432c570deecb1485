"""What a PostgreSQL database knows of its tables, to compare it with what the code says of them."""

from typing import Any

import sqlalchemy as sa

OWN = (
    *("alembic_version", "schema_support", "server_key"),
    *("duties", "previews", "progress", "watches", "worker_identities", "workers"),
)
"""Tables that are not the store's."""

COLUMNS = """SELECT table_name, column_name, data_type, character_maximum_length, collation_name, is_nullable,
  column_default FROM information_schema.columns WHERE table_schema = current_schema()"""
CONSTRAINTS = """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
  WHERE connamespace = current_schema()::regnamespace"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"


def postgres_schema(engine: sa.Engine) -> dict[str, set[tuple[Any, ...]]]:
    """Everything about each table, without the order in which columns, rules and indexes were written."""
    with engine.connect() as db:
        asked = {"columns": COLUMNS, "constraints": CONSTRAINTS, "indexes": INDEXES}
        found = {name: db.exec_driver_sql(query).all() for name, query in asked.items()}
    return {name: {tuple(row) for row in rows if row[0] not in OWN} for name, rows in found.items()}
