"""The tables of a SQLite database. What a column is declared as binds nothing there, so its values are looked at."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from services.contract.spec import ColumnType, Kind
from services.worker.sources import errors
from services.worker.sources.conditions import quoted
from services.worker.sources.found_tables import FoundColumn, FoundTable, Link

_SAMPLE = 1_000
_DIGITS = re.compile(r"\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d\d:\d\d(:\d\d(\.\d{1,6})?)?")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?)?")
_MONEY = (18, 2)
_MOST_DIGITS = 38


def tables(file: Path, source_id: str, only: str) -> list[FoundTable]:
    """Those of the file, or the one called `only`. Raises SourceFailed."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as connection:
            names = connection.execute(
                "select name from sqlite_schema where type in ('table', 'view') and name not glob 'sqlite_*'"
                " and ? in ('', name) order by name",
                (only,),
            ).fetchall()
            return [_table(connection, name) for (name,) in names]
    except sqlite3.Error as error:
        raise errors.unavailable(source_id) from error


def _table(connection: sqlite3.Connection, name: str) -> FoundTable:
    listed = connection.execute(f"pragma table_info({quoted(name)})").fetchall()
    key = [column for _, column, _, _, _, place in sorted(listed, key=lambda row: row[5]) if place]
    key = key or _unique(connection, name, [row[1] for row in listed])
    columns = [FoundColumn(row[1], _type(connection, name, row[1], str(row[2]))) for row in listed]
    foreign = connection.execute(f"pragma foreign_key_list({quoted(name)})").fetchall()
    alone = [row for row in foreign if sum(other[0] == row[0] for other in foreign) == 1]
    links = [Link(row[3], row[2]) for row in sorted(alone, key=lambda row: int(row[0]), reverse=True)]
    return FoundTable(name, name, tuple(key), tuple(columns), tuple(links))


def _unique(connection: sqlite3.Connection, table: str, columns: list[str]) -> list[str]:
    """The columns of a unique index, else the first column if its values are; none if they are not."""
    for _, index, unique, _, partial in connection.execute(f"pragma index_list({quoted(table)})").fetchall():
        if unique and not partial:
            return [row[2] for row in connection.execute(f"pragma index_info({quoted(index)})")]
    counted = f"select count(*), count(distinct {quoted(columns[0])}) from {quoted(table)}"  # noqa: S608 - quoted
    rows, values = connection.execute(counted).fetchone()
    return columns[:1] if 0 < rows == values else []


def _type(connection: sqlite3.Connection, table: str, name: str, declared: str) -> ColumnType:
    column = quoted(name)
    rows = connection.execute(
        f"select r.{column} from {quoted(table)} as r where r.{column} is not null limit {_SAMPLE}"  # noqa: S608 - quoted
    )
    values = [value for (value,) in rows]
    wanted = _declared(declared.upper())
    if wanted is None:
        return _guessed(values)
    return wanted if all(_FITS[wanted.kind](value) for value in values) else _guessed(values)


def _declared(text: str) -> ColumnType | None:
    """None for a declaration that says nothing of use."""
    if "DECIMAL" in text or "NUMERIC" in text:
        found = _DIGITS.search(text)
        precision, scale = (int(found[1]), int(found[2])) if found else _MONEY
        fits = 0 < precision <= _MOST_DIGITS and scale <= precision
        return ColumnType(Kind.DECIMAL, precision, scale) if fits else None
    return next((ColumnType(kind) for word, kind in _WORDS if word in text), None)


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
    Kind.DECIMAL: lambda value: isinstance(value, int | float),
}
