"""The tables of a SQLite database. A declared type is not binding in SQLite, so values are examined."""

import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from decimal import Decimal
from math import isfinite
from typing import Any
from urllib.parse import quote

from services.contract.spec import ColumnType, Kind, Relation
from services.worker.sources import errors
from services.worker.sources.introspect import types
from services.worker.sources.introspect.keys import MAX_ROWS, Row, with_keys
from services.worker.sources.introspect.names import NAME_NOT_UNICODE, is_unicode
from services.worker.sources.introspect.tables import GUESSED, SAMPLE, Link, LiveColumn, LiveTable, TableNames
from services.worker.sources.rows.conditions import quoted
from services.worker.sources.sql.failures import driver_error
from services.worker.sources.sql.sqlite.settings import SqliteSettings

_DIGITS = re.compile(r"\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_PATIENCE_S = 15.0
"""Time limit of a statement in seconds. A view may read everything before its first row."""
_STEPS = 10_000
_OF_VIRTUAL_TABLES = 1
"""The value of pragma table_xinfo for columns that `select *` leaves out. Generated columns have other values."""
_NO_UTF8 = 'holds a text that is not UTF-8, which ends an export; with invalid = "text" its bytes are replaced'


def tables(settings: SqliteSettings, names: TableNames) -> list[LiveTable]:
    """See kind.Introspect. The only schema is main."""
    try:
        with closing(opened(settings)) as connection:
            database = _Database(connection, settings.id)
            return with_keys(database.tables(names), database.look)
    except sqlite3.Error as error:
        raise errors.unavailable(settings.id) from driver_error(error)


def opened(settings: SqliteSettings) -> sqlite3.Connection:
    """Open the database for reading. Bytes of a text that are not UTF-8 become surrogates. Raises sqlite3.Error."""
    connection = sqlite3.connect(f"file:{quote(str(settings.path))}?mode=ro", uri=True)
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    return connection


def relation_columns(connection: sqlite3.Connection, relation: Relation) -> list[LiveColumn]:
    """Return the columns of a table or query by its first rows.

    Of a table, only columns whose names are UTF-8 are returned. Raises sqlite3.Error, and UnicodeDecodeError when a
    query has a column whose name is not UTF-8.
    """
    end = time.monotonic() + _PATIENCE_S
    connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    listed = connection.execute(f"pragma table_xinfo({quoted(relation.table)})").fetchall()
    declared = {row[1]: str(row[2]) for row in _shown(listed) if is_unicode(row[1])}
    query = relation.query.strip().rstrip(";")
    read = f"(\n{query}\n)" if query else f"{quoted(relation.table)} as r"
    selected = ", ".join(f"r.{quoted(name)}" for name in declared) or "*"
    cursor = connection.execute(f"select {selected} from {read} limit {SAMPLE}")  # noqa: S608 - quoted, or the catalog's
    names = [column[0] for column in cursor.description]
    columns = zip(*cursor.fetchall(), strict=True)
    values = [[value for value in column if value is not None] for column in columns] or [[]] * len(names)
    return [live_column(name, declared.get(name, ""), of) for name, of in zip(names, values, strict=True)]


class _Database:
    """A connection whose statements have a time limit."""

    def __init__(self, connection: sqlite3.Connection, source_id: str) -> None:
        self._connection = connection
        self._source_id = source_id

    def tables(self, names: TableNames) -> list[LiveTable]:
        """Return the selected tables. One that cannot be read has a note that says why."""
        listed = self._rows(
            "select name, type from sqlite_schema where type in ('table', 'view') and name not glob 'sqlite_*'"
            " order by name"
        )
        meant = [(name, kind) for name, kind in listed if names.mean(name, "main")]
        return [self._table_or_why(name, is_view=kind == "view") for name, kind in meant]

    def look(self, table: str, columns: Sequence[str]) -> list[Row]:
        """See keys.Look."""
        selected = ", ".join(f"r.{quoted(column)}" for column in columns)
        try:
            return self._rows(f"select {selected} from {quoted(table)} as r limit {MAX_ROWS}")  # noqa: S608 - quoted
        except sqlite3.Error as error:
            raise errors.unavailable(self._source_id) from error

    def _rows(self, sql: str) -> list[Any]:
        end = time.monotonic() + _PATIENCE_S
        self._connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
        return self._connection.execute(sql).fetchall()

    def _table_or_why(self, name: str, *, is_view: bool) -> LiveTable:
        if not is_unicode(name):
            return LiveTable(name, name, (), (), note=NAME_NOT_UNICODE)
        try:
            return self._table(name, is_view=is_view)
        except sqlite3.Error as error:
            return LiveTable(name, name, (), (), note=f"{error}")

    def _table(self, name: str, *, is_view: bool) -> LiveTable:
        listed = _shown(self._rows(f"pragma table_xinfo({quoted(name)})"))
        key = [row[1] for row in sorted(listed, key=lambda row: row[5]) if row[5]]
        key = key or ([] if is_view else self._unique(name, {row[1] for row in listed if row[3]}))
        nameable = [row for row in listed if is_unicode(row[1])]
        values, note = self._of_view(name, nameable) if is_view else self._of_table(name, nameable)
        columns = [live_column(row[1], str(row[2]), values.get(row[1], [])) for row in listed]
        foreign = self._rows(f"pragma foreign_key_list({quoted(name)})")
        alone = [row for row in foreign if sum(other[0] == row[0] for other in foreign) == 1]
        links = [Link(row[3], row[2]) for row in sorted(alone, key=lambda row: int(row[0]), reverse=True)]
        return LiveTable(name, name, tuple(key), tuple(columns), tuple(links), note=note)

    def _unique(self, table: str, required: set[str]) -> list[str]:
        """Return the columns of a unique index, all of them `required` (not null); empty when there is none."""
        for _, index, unique, _, partial in self._rows(f"pragma index_list({quoted(table)})"):
            if unique and not partial:
                names = [row[2] for row in self._rows(f"pragma index_info({quoted(index)})")]
                if required.issuperset(names):  # an expression has the name None
                    return names
        return []

    def _of_table(self, table: str, columns: list[Any]) -> tuple[dict[str, list[Any]], str]:
        """Return the first values of each column.

        One statement does for all columns of a table with few rows, and for those without NULL in its first rows.
        """
        names = [row[1] for row in columns]
        values, is_whole = self._first_values(table, names) if names else ({}, True)
        few = () if is_whole else (name for name in names if len(values[name]) < SAMPLE)
        return values | {name: self._values(table, name) for name in few}, ""

    def _first_values(self, table: str, names: list[str]) -> tuple[dict[str, list[Any]], bool]:
        """Return the values of the first rows by column, without NULL, and whether these are all rows."""
        selected = ", ".join(f"r.{quoted(name)}" for name in names)
        rows = self._rows(f"select {selected} from {quoted(table)} as r limit {SAMPLE}")  # noqa: S608 - quoted
        by_column = zip(*rows, strict=True) if rows else ([] for _ in names)
        values = {name: [v for v in of if v is not None] for name, of in zip(names, by_column, strict=True)}
        return values, len(rows) < SAMPLE

    def _values(self, table: str, name: str) -> list[Any]:
        column = quoted(name)
        rows = self._rows(
            f"select r.{column} from {quoted(table)} as r where r.{column} is not null limit {SAMPLE}"  # noqa: S608
        )
        return [value for (value,) in rows]

    def _of_view(self, view: str, columns: list[Any]) -> tuple[dict[str, list[Any]], str]:
        """Return the values of the first rows, and a note when reading them takes too long.

        Every statement on a view may read everything.
        """
        try:
            selected = ", ".join(f"r.{quoted(column[1])}" for column in columns)
            rows = self._rows(f"select {selected} from {quoted(view)} as r limit {SAMPLE}")  # noqa: S608 - quoted
        except sqlite3.OperationalError as error:
            if "interrupted" not in str(error):
                raise
            return {}, f"took longer than {_PATIENCE_S:g} s to look at: its types are not known"
        by_column = zip(columns, zip(*rows, strict=True), strict=True) if rows else []
        return {column[1]: [v for v in values if v is not None] for column, values in by_column}, ""


def _shown(listed: list[Any]) -> list[Any]:
    """Return the rows of pragma table_xinfo for columns that `select *` returns."""
    return [row for row in listed if row[6] != _OF_VIRTUAL_TABLES]


def live_column(name: str, declared: str, values: list[Any]) -> LiveColumn:
    """Return the column with this declaration and these values."""
    if any(isinstance(value, str) and not is_unicode(value) for value in values):
        return LiveColumn(name, ColumnType(Kind.TEXT), note=_NO_UTF8)
    type_, note = _type(declared.upper(), values)
    return LiveColumn(name, type_, note=note or _resembles(type_, values))


def _type(declared: str, values: list[Any]) -> tuple[ColumnType, str]:
    """Return the type, and a note when it is neither declared nor certain."""
    if "DECIMAL" in declared or "NUMERIC" in declared:
        return _decimal(declared, values)
    kind = next((kind for word, kind in _WORDS if word in declared), None)
    if kind and all(_FITS[kind](value) for value in values):
        return ColumnType(kind), ""
    long = decimal_of_numbers(values) if kind is Kind.INTEGER else None
    if long and not long.scale:
        return long, "whole numbers beyond 64 bits, of which SQLite keeps 15 to 17 digits"
    return _guessed(values), ""


def _decimal(declared: str, values: list[Any]) -> tuple[ColumnType, str]:
    decimal = decimal_of_numbers(values)
    digits = _DIGITS.search(declared)
    precision, scale = (int(digits[1]), int(digits[2])) if digits else (0, 0)
    is_declared = 0 < precision <= types.MAX_DIGITS and scale <= precision
    if is_declared and (not values or (decimal and decimal.scale <= scale)):
        return ColumnType(Kind.DECIMAL, precision, scale), ""
    return decimal or _guessed(values), GUESSED if values else "no values to guess from"


def decimal_of_numbers(values: list[Any]) -> ColumnType | None:
    """See types.decimal_of."""
    return types.decimal_of([_plain(value) for value in values])


def _plain(value: Any) -> str:
    """Return a number without an exponent; a real with the digits that it surely keeps. Empty for other values."""
    if isinstance(value, float) and isfinite(value):
        return format(Decimal(f"{value:.15g}"), "f")
    return str(value) if isinstance(value, int) else ""


def _resembles(type_: ColumnType, values: list[Any]) -> str:
    """Return what the texts look like; empty when they look like plain text."""
    if type_.kind is not Kind.TEXT or not values:
        return ""
    return next((f"looks like {k.value}s" for k in (Kind.DATE, Kind.TIMESTAMP) if all(map(_FITS[k], values))), "")


def _guessed(values: list[Any]) -> ColumnType:
    for kind in (Kind.INTEGER, Kind.FLOAT, Kind.BINARY):
        if values and all(_FITS[kind](value) and not isinstance(value, str) for value in values):
            return ColumnType(kind)
    return ColumnType(Kind.TEXT)


def _is(fits: Callable[[str], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and fits(value)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer() and int(value) in types.INT64)


# The first word that a declaration contains counts: DATETIME is not DATE.
_WORDS = (
    ("BOOL", Kind.BOOLEAN), ("DATETIME", Kind.TIMESTAMP), ("TIMESTAMP", Kind.TIMESTAMP), ("DATE", Kind.DATE),
    ("TIME", Kind.TIME), ("JSON", Kind.JSON), ("INT", Kind.INTEGER), ("CHAR", Kind.TEXT), ("TEXT", Kind.TEXT),
    ("CLOB", Kind.TEXT), ("BLOB", Kind.BINARY), ("REAL", Kind.FLOAT), ("FLOA", Kind.FLOAT), ("DOUB", Kind.FLOAT),
)  # fmt: skip
_FITS: dict[Kind, Callable[[Any], bool]] = {
    Kind.BOOLEAN: lambda value: str(value).lower() in ("0", "1", "true", "false"),
    Kind.TIMESTAMP: _is(types.is_timestamp),
    Kind.DATE: _is(types.is_date),
    Kind.TIME: _is(types.is_time),
    Kind.JSON: _is(types.is_json),
    Kind.INTEGER: _is_integer,
    Kind.TEXT: lambda value: not isinstance(value, bytes),
    Kind.BINARY: lambda value: isinstance(value, bytes),
    Kind.FLOAT: lambda value: isinstance(value, int | float),
}
