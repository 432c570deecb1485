"""Brings the schema of a database up to date while other processes use it."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from services.api.storage.postgres.connections import Address, NoDatabase
from services.api.storage.postgres.dialect import MIGRATING, lock
from services.api.storage.postgres.faults import PostgresFaults
from services.api.storage.postgres.schema import revision

MIGRATIONS = Path(__file__).parent / "migrations"

MAX_WAIT = "5s"
"""How long to wait for a lock on a table. Every later statement on the table waits behind this lock request."""

MAX_TRIES = 12


@dataclass(frozen=True, slots=True)
class Migrated:
    """The schema before (None: there was none) and after."""

    before: str | None
    after: str


def migrate(address: Address, migrations: Path = MIGRATIONS, to: str = "head") -> Migrated:
    """Bring the schema to that of this version, all or nothing. A schema that is the same or newer is left unchanged.

    Any number of processes may do this at once: they run one after the other. Raises NoDatabase.
    """
    config = Config(attributes={"connection": None})
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    engine = address.writing_engine()
    try:
        for tries in range(1, MAX_TRIES + 1):
            try:
                return _migrated(engine, config, to)
            except sa.exc.OperationalError as error:
                if not _was_in_the_way(error) or tries == MAX_TRIES:
                    raise
        raise AssertionError("the last try returns or raises")
    except sa.exc.OperationalError as error:
        if PostgresFaults().is_passing(error):
            raise NoDatabase(address, error.orig) from error
        raise
    finally:
        engine.dispose()


def _migrated(engine: sa.Engine, config: Config, to: str) -> Migrated:
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    with engine.begin() as db:
        lock(db, MIGRATING)
        before = revision(db)
        if before is None or before in known:
            db.exec_driver_sql(f"SET LOCAL lock_timeout = '{MAX_WAIT}'")
            db.exec_driver_sql("SET LOCAL statement_timeout = 0")
            config.attributes["connection"] = db
            command.upgrade(config, to)
        return Migrated(before, revision(db) or "")


def _was_in_the_way(error: sa.exc.OperationalError) -> bool:
    """Whether another transaction used the table for longer than MAX_WAIT."""
    return getattr(error.orig, "sqlstate", None) == "55P03"
