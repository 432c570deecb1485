"""Sources built for a test."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sources.source_specs import Fill
from tests.servers import databases


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """An address of a real PostgreSQL, for every test that needs it: each has tables of its own."""
    return databases.new_database()


@pytest.fixture
def sqlite_table(tmp_path: Path) -> Fill:
    """Make table t of a database with these columns and rows; the connection is closed before anybody reads."""

    def fill(columns: str, rows: Iterable[Sequence[Any]]) -> Path:
        path = tmp_path / "things.sqlite3"
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("pragma journal_mode = wal")
            connection.execute(f"create table t ({columns})")
            for row in rows:
                connection.execute(f"insert into t values ({', '.join('?' * len(row))})", row)
        return path

    return fill
