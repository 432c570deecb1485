"""A copy of a SQLite database that other processes use meanwhile."""

import sqlite3
from contextlib import closing
from pathlib import Path

from services.runtime.durable import make_private, sync
from services.runtime.ownership import own_file

BUSY_TIMEOUT_S = 60.0


def back_up(database: Path, file: Path) -> None:
    """Write the database as it is at one moment to `file`, which has that name only once it is whole and durable.

    Writers go on meanwhile. Free pages are left out, so nothing that was erased is in the copy. Raises FileExistsError,
    FileNotFoundError, NotOurs, sqlite3.Error, OSError.
    """
    if file.exists():
        raise FileExistsError(f"{file} exists")
    if not database.exists():
        raise FileNotFoundError(f"there is no database {database}")
    make_private(file.parent)
    partial = file.with_name(f"{file.name}.partial")
    partial.unlink(missing_ok=True)
    own_file(partial)  # SQLite takes an empty one as it is
    with closing(sqlite3.connect(database, timeout=BUSY_TIMEOUT_S)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")  # that is the api's
        connection.execute("VACUUM INTO ?", (str(partial),))
    sync(partial)
    partial.replace(file)
    sync(file.parent)
