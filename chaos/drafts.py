"""The source of Drafts: rows that cannot be exported before somebody corrects them."""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from chaos.workload import DRAFTS, ROWS, row

UNKNOWN = "not known yet"
"""What stands for a number in one row of each batch: its export fails, VALUE_INVALID, which no retry fixes."""

_UNKNOWN_ROW = 17


class Drafts:
    """Writes the database at `path`, beside workers that read it: in write-ahead mode neither waits for the other.

    No other connection of this process may read it: closing one would give up the locks of the other.
    """

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("CREATE TABLE drafts (id INTEGER PRIMARY KEY, batch TEXT, n, text TEXT)")
        self._database.execute("CREATE INDEX drafts_of_batch ON drafts (batch)")

    def close(self) -> None:
        """Nothing is written afterwards."""
        self._database.close()

    async def add(self, batch: str) -> None:
        """Write a batch with a value that is not known yet."""
        numbers = map(row, range(ROWS[DRAFTS]))
        drafts = [(batch, UNKNOWN if n == _UNKNOWN_ROW else n, text) for n, text in numbers]
        await asyncio.to_thread(self._write, "INSERT INTO drafts (batch, n, text) VALUES (?, ?, ?)", drafts)

    async def correct(self, batch: str) -> None:
        """Write the value."""
        correction = "UPDATE drafts SET n = ? WHERE batch = ? AND n = ?"
        await asyncio.to_thread(self._write, correction, [(_UNKNOWN_ROW, batch, UNKNOWN)])

    def _write(self, statement: str, values: Sequence[tuple[object, ...]]) -> None:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(statement, values)
            self._database.execute("COMMIT")
