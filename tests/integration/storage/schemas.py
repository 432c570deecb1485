"""What a SQLite database knows of its tables, to compare it with what the code says of them."""

from typing import Any

import sqlalchemy as sa


def schema(engine: sa.Engine) -> dict[str, dict[str, Any]]:
    """Everything about each table, without the order in which columns, rules and indexes were written."""
    inspector = sa.inspect(engine)
    tables = (name for name in inspector.get_table_names() if name != "alembic_version")
    found = {table: _table(inspector, table) for table in tables}
    return found | {"indexes": _indexes(engine)}


def _table(inspector: sa.Inspector, table: str) -> dict[str, Any]:
    return {
        "columns": {
            c["name"]: (str(c["type"]), c["nullable"], c["default"], c["primary_key"])
            for c in inspector.get_columns(table)
        },
        "key": inspector.get_pk_constraint(table),
        "checks": {c["name"]: c["sqltext"] for c in inspector.get_check_constraints(table)},
        "foreign keys": {key["name"]: key for key in inspector.get_foreign_keys(table)},
        "unique": {u["name"]: u["column_names"] for u in inspector.get_unique_constraints(table)},
    }


def _indexes(engine: sa.Engine) -> dict[str, str]:
    """As they were written: to inspect them says neither their order nor all that they are over."""
    with engine.connect() as connection:
        written = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql <> ''")
        return {name: " ".join(sql.split()) for name, sql in written}
