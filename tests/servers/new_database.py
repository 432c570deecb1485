"""The database of a store that is new: its schema is made once a process, by the migrations, and copied for each test.

Tests of the migrations and of a start with nothing there make their own.
"""

import tempfile
from functools import cache
from pathlib import Path

from services.api.storage.sqlite.database import SqliteDatabase, writing_engine
from services.api.storage.sqlite.schema import bring_up_to_date


async def new_database(file: Path) -> SqliteDatabase:
    """The database of a new store, open."""
    put_new_database(file)
    return await SqliteDatabase.open(file)


def put_new_database(database: Path) -> None:
    """What an api makes of nothing, unless there is a database already; its folder is made, too."""
    if not database.exists():
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database.touch(mode=0o600)
        database.write_bytes(_content())


@cache
def _content() -> bytes:
    with tempfile.TemporaryDirectory(prefix="exportd-new-") as folder:
        database = Path(folder) / "exportd.sqlite3"
        bring_up_to_date(writing_engine(database), database)
        assert [path.name for path in database.parent.iterdir()] == [database.name]  # no log that is not in it
        return database.read_bytes()
