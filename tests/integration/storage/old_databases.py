"""Databases as earlier versions left them: old/REVISION.sql is a dump of one.

old/0004.sql was made by the four migrations that there were before the first one of today. Its export of "acme" was
written under the first of them; each other one stands in a state of its own.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

OLD = Path(__file__).parent / "old"


def restore(revision: str, database: Path) -> None:
    """Make the file that a version of this revision left."""
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript((OLD / f"{revision}.sql").read_text())
