"""The source of Drafts: rows that cannot be exported until they are corrected."""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from chaos.workload import DRAFTS, ROWS, row

UNKNOWN = "not known yet"
"""Stands for a number in one row of each batch. Its export fails with VALUE_INVALID, which no retry fixes."""

_UNKNOWN_ROW = 17


class Drafts:
    """Writes the database at `path` while workers read it. In write-ahead mode neither waits for the other.

    No other connection of this process may read the database: closing one would release the locks of the other.
    """

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("CREATE TABLE drafts (id INTEGER PRIMARY KEY, batch TEXT, n, text TEXT)")
        self._database.execute("CREATE INDEX drafts_of_batch ON drafts (batch)")

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    async def add(self, batch: str) -> None:
        """Write a batch with one unknown value."""
        numbers = map(row, range(ROWS[DRAFTS]))
        drafts = [(batch, UNKNOWN if n == _UNKNOWN_ROW else n, text) for n, text in numbers]
        await asyncio.to_thread(self._write, "INSERT INTO drafts (batch, n, text) VALUES (?, ?, ?)", drafts)

    async def correct(self, batch: str) -> None:
        """Replace the unknown value of a batch."""
        correction = "UPDATE drafts SET n = ? WHERE batch = ? AND n = ?"
        await asyncio.to_thread(self._write, correction, [(_UNKNOWN_ROW, batch, UNKNOWN)])

    def _write(self, statement: str, values: Sequence[tuple[object, ...]]) -> None:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(statement, values)
            self._database.execute("COMMIT")
