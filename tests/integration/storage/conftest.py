"""The database of a store, to work on directly."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.api.storage.sqlite.database import SqliteDatabase
from tests.servers.new_database import new_database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    async with await new_database(tmp_path / "exportd.sqlite3") as opened:
        yield opened


@pytest.fixture
def executed(database: SqliteDatabase) -> Iterator[list[str]]:
    """Statements with their values, as often as the engine executes them, of connections that are opened from now on.

    The engine tells: most of them do not go through SQLAlchemy.
    """
    seen: list[str] = []

    def record(statement: str) -> None:
        if statement.startswith(("SELECT", "UPDATE", "INSERT", "DELETE", "WITH")):
            seen.append(statement)

    def listen(connection, _record):
        if hasattr(connection, "run_async"):  # aiosqlite's
            connection.run_async(lambda driver: driver.set_trace_callback(record))
        else:
            connection.set_trace_callback(record)

    sa.event.listen(sa.Engine, "connect", listen)
    yield seen
    sa.event.remove(sa.Engine, "connect", listen)
