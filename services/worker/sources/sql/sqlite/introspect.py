"""The tables of a SQLite database. What a column is declared as binds nothing there, so its values are looked at."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from math import isfinite
from typing import Any
from urllib.parse import quote

from services.contract.spec import ColumnType, Kind
from services.worker.sources import errors
from services.worker.sources.introspect.tables import (
    GUESSED,
    SAMPLE,
    Link,
    LiveColumn,
    LiveTable,
    TableNames,
    decimal_of,
)
from services.worker.sources.rows.conditions import quoted
from services.worker.sources.sql.sqlite.settings import SqliteSettings

_DIGITS = re.compile(r"\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d\d:\d\d(:\d\d(\.\d{1,6})?)?")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?)?")
_MAX_DIGITS = 38


def tables(settings: SqliteSettings, names: TableNames) -> list[LiveTable]:
    """See SourceKind.introspect. There are no schemas."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(settings.path))}?mode=ro", uri=True)) as connection:
            listed = connection.execute(
                "select name, type from sqlite_schema where type in ('table', 'view') and name not glob 'sqlite_*'"
                " and ? in ('', name) order by name",
                (names.table,),
            ).fetchall()
            return [_table(connection, name, is_view=kind == "view") for name, kind in listed]
    except sqlite3.Error as error:
        raise errors.unavailable(settings.id) from error


def _table(connection: sqlite3.Connection, name: str, *, is_view: bool) -> LiveTable:
    listed = connection.execute(f"pragma table_info({quoted(name)})").fetchall()
    key = [column for _, column, _, _, _, place in sorted(listed, key=lambda row: row[5]) if place]
    key = key or ([] if is_view else _unique(connection, name))
    columns = [_column(connection, name, row[1], str(row[2])) for row in listed]
    foreign = connection.execute(f"pragma foreign_key_list({quoted(name)})").fetchall()
    alone = [row for row in foreign if sum(other[0] == row[0] for other in foreign) == 1]
    links = [Link(row[3], row[2]) for row in sorted(alone, key=lambda row: int(row[0]), reverse=True)]
    return LiveTable(name, name, tuple(key), tuple(columns), tuple(links))


def _unique(connection: sqlite3.Connection, table: str) -> list[str]:
    """The columns of a unique index; none without one."""
    for _, index, unique, _, partial in connection.execute(f"pragma index_list({quoted(table)})").fetchall():
        if unique and not partial:
            names = [row[2] for row in connection.execute(f"pragma index_info({quoted(index)})")]
            if None not in names:  # an expression has no name
                return names
    return []


def _column(connection: sqlite3.Connection, table: str, name: str, declared: str) -> LiveColumn:
    values = _values(connection, table, name)
    type_, note = _type(declared.upper(), values)
    return LiveColumn(name, type_, note=note or _resembles(type_, values))


def _values(connection: sqlite3.Connection, table: str, name: str) -> list[Any]:
    column = quoted(name)
    rows = connection.execute(
        f"select r.{column} from {quoted(table)} as r where r.{column} is not null limit {SAMPLE}"  # noqa: S608 - quoted
    )
    return [value for (value,) in rows]


def _type(declared: str, values: list[Any]) -> tuple[ColumnType, str]:
    """The type, and a note when it is neither what the declaration says nor sure."""
    if "DECIMAL" in declared or "NUMERIC" in declared:
        return _decimal(declared, values)
    type_ = next((ColumnType(kind) for word, kind in _WORDS if word in declared), None)
    fits = type_ and all(_FITS[type_.kind](value) for value in values)
    return (type_ if type_ and fits else _guessed(values)), ""


def _decimal(declared: str, values: list[Any]) -> tuple[ColumnType, str]:
    decimal = decimal_of([_plain(value) for value in values])
    digits = _DIGITS.search(declared)
    precision, scale = (int(digits[1]), int(digits[2])) if digits else (0, 0)
    is_declared = 0 < precision <= _MAX_DIGITS and scale <= precision
    if is_declared and (not values or (decimal and decimal.scale <= scale)):
        return ColumnType(Kind.DECIMAL, precision, scale), ""
    return decimal or _guessed(values), GUESSED if values else "no values to go by"


def _plain(value: Any) -> str:
    """A number without an exponent; a real by the digits that it surely keeps. Else what is no number."""
    if isinstance(value, float) and isfinite(value):
        return format(Decimal(f"{value:.15g}"), "f")
    return str(value) if isinstance(value, int) else ""


def _resembles(type_: ColumnType, values: list[Any]) -> str:
    """What texts look like; empty when they look like nothing else."""
    if type_.kind is not Kind.TEXT or not values:
        return ""
    return next((f"looks like {k.value}s" for k in (Kind.DATE, Kind.TIMESTAMP) if all(map(_FITS[k], values))), "")


def _guessed(values: list[Any]) -> ColumnType:
    for kind in (Kind.INTEGER, Kind.FLOAT, Kind.BINARY):
        if values and all(_FITS[kind](value) and not isinstance(value, str) for value in values):
            return ColumnType(kind)
    return ColumnType(Kind.TEXT)


def _is(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


# The first that a declaration contains, in this order: DATETIME is no DATE.
_WORDS = (
    ("BOOL", Kind.BOOLEAN), ("DATETIME", Kind.TIMESTAMP), ("TIMESTAMP", Kind.TIMESTAMP), ("DATE", Kind.DATE),
    ("TIME", Kind.TIME), ("INT", Kind.INTEGER), ("CHAR", Kind.TEXT), ("TEXT", Kind.TEXT), ("CLOB", Kind.TEXT),
    ("BLOB", Kind.BINARY), ("REAL", Kind.FLOAT), ("FLOA", Kind.FLOAT), ("DOUB", Kind.FLOAT),
)  # fmt: skip
_FITS: dict[Kind, Callable[[Any], bool]] = {
    Kind.BOOLEAN: lambda value: str(value).lower() in ("0", "1", "true", "false"),
    Kind.TIMESTAMP: _is(_TIMESTAMP),
    Kind.DATE: _is(_DATE),
    Kind.TIME: _is(_TIME),
    Kind.INTEGER: lambda value: isinstance(value, int) or (isinstance(value, float) and value.is_integer()),
    Kind.TEXT: lambda value: not isinstance(value, bytes),
    Kind.BINARY: lambda value: isinstance(value, bytes),
    Kind.FLOAT: lambda value: isinstance(value, int | float),
}
