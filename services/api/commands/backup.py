"""The command that copies the database of an api that may be running."""

import argparse
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from services.api.settings import DatabaseSettings
from services.api.storage.datadir import DataDirectory
from services.api.storage.sqlite.backup import back_up
from services.runtime.settings import SettingsReader
from services.runtime.startup import CannotStart, using


def run(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    """Write the copy and print where it is. Raises CannotStart: PostgreSQL has its own tools; no file is replaced."""
    file: Path = _parser().parse_args(arguments).file
    read = SettingsReader(environ)
    database, data_dir = DatabaseSettings.read(read), read.path("EXPORTD_DATA_DIR", Path("exportd-data"))
    read.finish()
    if database is not None:
        raise CannotStart("EXPORTD_DATABASE is PostgreSQL: copy it by pg_dump, before the artifacts")
    try:
        with using("EXPORTD_DATA_DIR", data_dir):
            back_up(DataDirectory.database_in(data_dir), file.absolute())
    except sqlite3.Error as problem:
        raise CannotStart(f"the copy could not be written: {problem}") from problem
    out.write(f"{file.absolute()}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="exportd-api backup",
        description="Copy the SQLite database of EXPORTD_DATA_DIR, also while an api uses it. Copy the artifacts and "
        "the key after it.",
    )
    parser.add_argument("file", type=Path, help="the copy; an existing file is not replaced")
    return parser
