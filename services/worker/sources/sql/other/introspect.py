"""The tables of any other database, found by SQLAlchemy's inspection.

Tables of DuckDB are read from its own catalog.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from services.contract.spec import ColumnType, Kind
from services.worker.sources.errors import SourceFailed
from services.worker.sources.introspect.keys import MAX_ROWS, Row, with_keys
from services.worker.sources.introspect.tables import Link, LiveColumn, LiveTable, TableNames
from services.worker.sources.introspect.types import MAX_DIGITS
from services.worker.sources.said import all_said
from services.worker.sources.sql.other import duckdb_tables
from services.worker.sources.sql.other.cursor import guarded
from services.worker.sources.sql.other.engine import connected
from services.worker.sources.sql.other.settings import OtherSqlSettings

if TYPE_CHECKING:
    import sqlalchemy as sa

_DOTTED = "its name has a dot: read it with a query"


def tables(settings: OtherSqlSettings, names: TableNames) -> list[LiveTable]:
    """See kind.Introspect."""
    guard = guarded(settings)
    with guard(), connected(settings) as connection:

        def look(relation: str, columns: Sequence[str]) -> list[Row]:
            import sqlalchemy as sa  # noqa: PLC0415 - few sources need it

            schema, _, table = relation.rpartition(".")
            selected: Any = sa.select(*map(sa.column, columns)).select_from(sa.table(table, schema=schema or None))
            with guard():
                connection.rollback()  # a failed statement may have left a failed transaction
                return [tuple(row) for row in connection.execute(selected.limit(MAX_ROWS))]

        if connection.dialect.name == "duckdb":
            return with_keys(duckdb_tables.tables(connection, names), look)
        return with_keys(_inspected(connection, names), look)


def _inspected(connection: "sa.Connection", names: TableNames) -> Iterator[LiveTable]:
    import sqlalchemy as sa  # noqa: PLC0415

    inspector = sa.inspect(connection)
    default = inspector.default_schema_name or ""
    for schema in _schemas(inspector, names, default):
        of = None if schema == default else schema
        listed = [*inspector.get_table_names(schema=of), *inspector.get_view_names(schema=of)]
        for name in listed:
            if names.mean(name, schema):
                yield _table_or_why(inspector, name, of)


def _schemas(inspector: "sa.Inspector", names: TableNames, default: str) -> list[str]:
    """Return the default schema and, if another one is named, that one as well."""
    named = names.schema or names.table.replace('"', "").rpartition(".")[0]
    return [default, *([named] if named and named != default and named in inspector.get_schema_names() else [])]


def _table_or_why(inspector: "sa.Inspector", name: str, schema: str | None) -> LiveTable:
    import sqlalchemy.exc as sae  # noqa: PLC0415

    relation = f"{schema}.{name}" if schema else name
    if "." in name:
        return LiveTable(relation, name, (), (), note=_DOTTED)
    try:
        return _table(inspector, relation, name, schema)
    except (sae.SQLAlchemyError, NotImplementedError, SourceFailed, UnicodeDecodeError) as error:
        return LiveTable(relation, name, (), (), note=all_said(error) or str(error).partition("\n")[0])


def _table(inspector: "sa.Inspector", relation: str, name: str, schema: str | None) -> LiveTable:
    listed = inspector.get_columns(name, schema=schema)
    columns = tuple(LiveColumn(c["name"], *_type(c["type"], c.get("comment") or "")) for c in listed)
    required = {c["name"] for c in listed if not c["nullable"]}
    key = inspector.get_pk_constraint(name, schema=schema)["constrained_columns"]
    foreign = inspector.get_foreign_keys(name, schema=schema)
    links = [
        Link(f["constrained_columns"][0], f["referred_table"]) for f in foreign if len(f["constrained_columns"]) == 1
    ]
    return LiveTable(relation, name, tuple(key or _unique(inspector, name, schema, required)), columns, tuple(links))


def _unique(inspector: "sa.Inspector", name: str, schema: str | None, required: set[str]) -> Iterable[str]:
    """Return the columns of a unique index without nullable columns. Empty when there is none."""
    for index in inspector.get_indexes(name, schema=schema):
        names = [column or "" for column in index["column_names"]]
        if index["unique"] and names and required.issuperset(names):
            return names
    return ()


def _type(stored: Any, comment: str) -> tuple[ColumnType, str, str]:
    """Return the type, the comment and a note."""
    import sqlalchemy as sa  # noqa: PLC0415

    if isinstance(stored, sa.Numeric) and not isinstance(stored, sa.Float):
        precision, scale = stored.precision or 0, stored.scale or 0
        if 0 < precision <= MAX_DIGITS and scale <= precision:
            return ColumnType(Kind.DECIMAL, precision, scale), comment, ""
        return ColumnType(Kind.TEXT), comment, "a number of any digits: text keeps them; or float, or decimal(38,S)"
    kinds: tuple[tuple[type, Kind], ...] = (
        (sa.Boolean, Kind.BOOLEAN),
        (sa.Integer, Kind.INTEGER),
        (sa.Float, Kind.FLOAT),
        (sa.DateTime, Kind.TIMESTAMP),
        (sa.Date, Kind.DATE),
        (sa.Time, Kind.TIME),
        (sa.Interval, Kind.DURATION),
        (sa.JSON, Kind.JSON),
        (sa.LargeBinary, Kind.BINARY),
        (sa.types._Binary, Kind.BINARY),  # noqa: SLF001 - BINARY and VARBINARY have no common public class
    )
    return ColumnType(next((kind for class_, kind in kinds if isinstance(stored, class_)), Kind.TEXT)), comment, ""
