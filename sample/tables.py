"""Tables of a SQLite file that is written once and then only read."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """A table: SQL declarations by column name, in order; the columns of its key; and further indexes.

    Numbers with exact digits are declared as TEXT, because SQLite turns a column declared as DECIMAL into doubles.
    """

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()


@contextmanager
def new_database(path: Path) -> Iterator[sqlite3.Connection]:
    """Create a new file. It is not protected against a crash, after which the whole directory is discarded."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        yield db
        db.execute("COMMIT")
        db.execute("ANALYZE")
    finally:
        db.close()


def create(db: sqlite3.Connection, table: Table) -> None:
    columns = ", ".join(f'"{name}" {declared}' for name, declared in table.columns.items())
    db.execute(f'CREATE TABLE "{table.name}" ({columns})')


def insert(db: sqlite3.Connection, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
    marks = ", ".join("?" * len(table.columns))
    db.executemany(f'INSERT INTO "{table.name}" VALUES ({marks})', rows)


def index(db: sqlite3.Connection, table: Table) -> None:
    """Create the indexes. This is done after the rows are inserted, which is faster."""
    db.execute(f'CREATE UNIQUE INDEX "{table.name}_key" ON "{table.name}" ({_names(table.key)})')
    for columns in table.indexes:
        db.execute(f'CREATE INDEX "{table.name}_{"_".join(columns)}" ON "{table.name}" ({_names(columns)})')


def count(db: sqlite3.Connection, table: Table) -> int:
    [(rows,)] = db.execute(f'SELECT count(*) FROM "{table.name}"')
    return int(rows)


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
