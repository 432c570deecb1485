"""The tables of a DuckDB database."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from services.worker.sources.introspect import duckdb_types
from services.worker.sources.introspect.tables import SAMPLE, Link, LiveTable, TableNames
from services.worker.sources.rows.conditions import quoted

if TYPE_CHECKING:
    import sqlalchemy as sa

_HERE = "database_name = current_database() and not internal"
_TABLES = f"""
select schema_name, table_name, comment from duckdb_tables() where {_HERE}
union all select schema_name, view_name, comment from duckdb_views() where {_HERE} order by 1, 2"""  # noqa: S608
_COLUMNS = f"""
select schema_name, table_name, column_name, data_type, comment, is_nullable from duckdb_columns() where {_HERE}
order by column_index"""  # noqa: S608 - a constant
_CONSTRAINTS = """
select schema_name, table_name, constraint_type, constraint_column_names, referenced_table from duckdb_constraints()
where database_name = current_database() order by constraint_type <> 'PRIMARY KEY', constraint_index"""
_MAIN = "main"


def tables(connection: "sa.Connection", names: TableNames) -> Iterator[LiveTable]:
    """Yield the selected tables. Raises SQLAlchemyError."""
    columns, constraints = _rows(connection, _COLUMNS), _rows(connection, _CONSTRAINTS)
    for schema, name, comment in _rows(connection, _TABLES):
        if names.mean(name, schema):
            own = [row[2:] for row in columns if row[:2] == (schema, name)]
            yield _table(
                connection, (schema, name, comment or ""), own, [r[2:] for r in constraints if r[:2] == (schema, name)]
            )


def _rows(connection: "sa.Connection", sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.exec_driver_sql(sql)]


def _table(
    connection: "sa.Connection",
    named: tuple[str, str, str],
    columns: list[tuple[Any, ...]],
    constraints: list[tuple[Any, ...]],
) -> LiveTable:
    schema, name, comment = named
    relation = name if schema == _MAIN else f"{schema}.{name}"
    if "." in name:
        return LiveTable(relation, name, (), (), note="its name has a dot: read it with a query")
    values, note = _values(connection, schema, name, [c[0] for c in columns if duckdb_types.is_doubtful(c[1])])
    live = tuple(duckdb_types.live_column(c[0], c[1], values.get(c[0], ()), c[2] or "") for c in columns)
    required = {c[0] for c in columns if not c[3]}
    unique = (c[1] for c in constraints if c[0] == "PRIMARY KEY" or (c[0] == "UNIQUE" and required.issuperset(c[1])))
    links = tuple(Link(c[1][0], c[2]) for c in constraints if c[0] == "FOREIGN KEY" and len(c[1]) == 1)
    return LiveTable(relation, name, tuple(next(unique, ())), live, links, comment, note)


def _values(connection: "sa.Connection", schema: str, table: str, names: list[str]) -> tuple[dict[str, list[str]], str]:
    """Return the first values of the columns as text, and a note when they cannot be read."""
    import sqlalchemy.exc as sae  # noqa: PLC0415 - few sources need it

    selected = ", ".join(f"cast(r.{quoted(name)} as varchar)" for name in names)
    statement = f"select {selected} from {quoted(schema)}.{quoted(table)} as r limit {SAMPLE}"  # noqa: S608 - quoted
    try:
        rows = _rows(connection, statement) if names else []
    except sae.SQLAlchemyError as error:
        connection.rollback()
        return {}, f"its values could not be looked at: {error}".partition("\n")[0]
    columns = zip(names, zip(*rows, strict=True), strict=True) if rows else ()
    return {name: [value for value in values if value is not None] for name, values in columns}, ""
