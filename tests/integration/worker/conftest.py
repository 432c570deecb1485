"""A worker with a small database and a folder of attachments."""

import sqlite3
from pathlib import Path

import pytest

from services.contract.store import MARKER
from services.worker.sources.attachments.settings import FolderSettings
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from tests.integration.worker.memory_queue import MemoryQueue
from tests.integration.worker.rig import ROWS, STORE, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    root = tmp_path / "artifacts"
    root.mkdir()
    (root / MARKER).write_text(STORE + "\n")
    database = tmp_path / "db.sqlite3"
    with sqlite3.connect(database) as connection:
        connection.execute("create table numbers (id integer primary key, name text)")
        connection.executemany("insert into numbers values (?, ?)", ROWS)
    connection.close()
    files = tmp_path / "files"
    files.mkdir()
    for number in (1, 2):
        (files / f"{number}.txt").write_text(f"file of {number}")
    sources = {
        "db": SqliteSettings("db", database),
        "files": FolderSettings("files", files),
    }
    return Rig(root, sources, MemoryQueue(STORE))
