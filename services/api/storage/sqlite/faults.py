"""The meaning of SQLite's errors."""

import sqlite3
from typing import Any

import sqlalchemy as sa

PASSING = frozenset({
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL,
})  # fmt: skip
"""Error codes that the machine causes, not the statement."""

DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""Error codes that a damaged file causes."""


class SqliteFaults:
    """The Faults of SQLite."""

    def is_passing(self, error: BaseException) -> bool:
        return _code(error) in PASSING

    def is_conflict(self, error: BaseException) -> bool:  # noqa: ARG002 - there are no other writers
        return False

    def is_lost(self, error: BaseException) -> bool:  # noqa: ARG002 - a file is not lost
        return False

    def stands(self, db: sa.Connection) -> bool:
        driver: Any = db.connection.driver_connection
        return bool(driver.in_transaction)


def is_damage(error: BaseException) -> bool:
    """Whether the error says that the file is damaged."""
    return _code(error) in DAMAGE


def _code(error: BaseException) -> int | None:
    """Return SQLite's primary result code; None for another error."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
