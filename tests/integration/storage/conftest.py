"""The database of a store, to work on directly."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.api.storage.sqlite.database import SqliteDatabase
from tests.servers.new_database import new_database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    async with await new_database(tmp_path / "exportd.sqlite3") as opened:
        yield opened
