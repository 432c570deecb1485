"""The command that brings the schema of the database up to date."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from services.api.settings import DatabaseSettings
from services.api.storage.datadir import DataDirectory
from services.runtime.settings import SettingsReader
from services.runtime.startup import using


def run(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    """Migrate, and print the schema before and after. Raises CannotStart, for SQLite also while an api is running."""
    _parser().parse_args(arguments)
    read = SettingsReader(environ)
    database, data_dir = DatabaseSettings.read(read), read.path("EXPORTD_DATA_DIR", Path("exportd-data"))
    read.finish()
    out.write(f"{_in_postgres(database) if database else _in_file(data_dir)}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="exportd-api migrate",
        description="Bring the database of EXPORTD_DATABASE to the schema of this version; processes of the version "
        "before go on meanwhile. A SQLite file is brought up to date by each start of the api, too.",
    )


def _in_postgres(database: DatabaseSettings) -> str:
    from services.api.storage.postgres.connections import Address  # noqa: PLC0415 - takes long to import
    from services.api.storage.postgres.migrate import migrate  # noqa: PLC0415

    done = migrate(address := Address(database.url, database.pooled))
    return f"{address}: {_told(done.before, done.after)}"


def _in_file(data_dir: Path) -> str:
    from services.api.storage.sqlite.database import writing_engine  # noqa: PLC0415 - as above
    from services.api.storage.sqlite.schema import bring_up_to_date, newest, revision  # noqa: PLC0415

    with using("EXPORTD_DATA_DIR", data_dir), DataDirectory.open(data_dir) as directory:
        engine = writing_engine(directory.database)
        before = revision(engine)
        bring_up_to_date(engine, directory.database)
        return f"{directory.database}: {_told(before, newest())}"


def _told(before: str | None, after: str) -> str:
    if before == after:
        return f"has schema {after} already"
    return f"schema {before} became {after}" if before else f"has schema {after} now"
