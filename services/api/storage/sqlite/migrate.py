"""Brings a database file up to date when a process starts that holds the lock of the data directory."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from services.runtime.durable import sync
from services.runtime.ownership import own_file
from services.runtime.startup import CannotStart

MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaTooNew(CannotStart):
    """The database was written by a newer version than this one."""

    def __init__(self, database: Path, revision: str, known: str) -> None:
        super().__init__(
            f"{database} has schema {revision} and this version of exportd knows {known} at most: "
            f"start the newer version again, or restore the backup that it made ({database.name}.*.backup)"
        )


class SchemaTooOld(CannotStart):
    """The database was written by a version so old that this one cannot bring it up to date."""

    def __init__(self, database: Path, revision: str, oldest: str) -> None:
        super().__init__(
            f"{database} has schema {revision} and this version of exportd can bring up to date those from {oldest} on:"
            " give it another EXPORTD_DATA_DIR, or start a version between the two first"
        )


class ForeignKeysBroken(CannotStart):
    """A migration left rows that refer to missing rows. It was rolled back."""


def migrate(engine: sa.Engine, database: Path, migrations: Path = MIGRATIONS) -> None:
    """Bring the schema to that of this version, after copying a file that has data.

    Does nothing if it is up to date, otherwise all or nothing. Raises SchemaTooNew, SchemaTooOld, ForeignKeysBroken.
    """
    config = Config(attributes={"connection": None})
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        revision, newest = _revision(connection), scripts.get_current_head()
        if revision == newest:
            return
        if revision is not None:
            _check_known(scripts, database, revision)
            _back_up(connection, database, revision)
        config.attributes["connection"] = connection
        _upgrade(connection, config)


def _revision(connection: sa.Connection) -> str | None:
    """Return the revision of the schema; None for an empty database."""
    with connection.begin():
        return MigrationContext.configure(connection).get_current_revision()


def _check_known(scripts: ScriptDirectory, database: Path, revision: str) -> None:
    known = [script.revision for script in scripts.walk_revisions()]
    if revision < known[-1]:
        raise SchemaTooOld(database, revision, known[-1])
    if revision not in known:
        raise SchemaTooNew(database, revision, known[0])


def _back_up(connection: sa.Connection, database: Path, revision: str) -> None:
    """Write a complete copy beside the file. It gets its final name only when it is durable."""
    final = database.with_name(f"{database.name}.{revision}.backup")
    partial = final.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    own_file(partial)  # SQLite accepts an existing empty file
    _driver(connection).execute("VACUUM INTO ?", (str(partial),))
    sync(partial)
    partial.replace(final)
    sync(final.parent)


def _upgrade(connection: sa.Connection, config: Config) -> None:
    # This has an effect only outside of a transaction. Otherwise rebuilding a table would delete rows that refer to it.
    _driver(connection).execute("PRAGMA foreign_keys=OFF")
    with connection.begin():
        command.upgrade(config, "head")
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise ForeignKeysBroken(f"row {broken[1]} of {broken[0]} refers to a row of {broken[2]} that is not there")


def _driver(connection: sa.Connection) -> Any:
    """Return the sqlite3 connection, for statements that must not run in a transaction."""
    return connection.connection.driver_connection
