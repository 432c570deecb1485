"""Whether a database has the schema of this version, found out without the library that changes schemas."""

from pathlib import Path

import sqlalchemy as sa

from services.api.storage.postgres.connections import SETTING, Address, NoDatabase
from services.runtime.startup import CannotStart

VERSIONS = Path(__file__).parent / "migrations" / "versions"

_there = sa.text("SELECT to_regclass('alembic_version') IS NOT NULL")
_revision = sa.text("SELECT version_num FROM alembic_version")
_oldest = sa.text("SELECT oldest FROM schema_support")


class SchemaOlder(CannotStart):
    """The database has no schema yet, or that of an earlier version."""

    def __init__(self, address: Address, there: str | None, wanted: str) -> None:
        has = f"schema {there}" if there else "no tables of exportd yet"
        super().__init__(
            f"{SETTING}: the {address} has {has} and this version of exportd works with schema {wanted}: run "
            "`exportd-api migrate` with the same settings; processes of the version before go on meanwhile"
        )


class SchemaNewer(CannotStart):
    """The database was changed for a version that this one is too old beside."""

    def __init__(self, address: Address, there: str, oldest: str, known: str) -> None:
        super().__init__(
            f"{SETTING}: the {address} has schema {there}, which needs a version of exportd that knows {oldest}, and "
            f"this one knows {known} at most: start a newer version"
        )


def newest() -> str:
    """The revision that this version of exportd knows: the first part of the last file's name."""
    return max(file.stem.partition("_")[0] for file in VERSIONS.glob("[0-9]*.py"))


def check(address: Address) -> None:
    """Raises SchemaOlder, SchemaNewer, NoDatabase."""
    engine = address.reading_engine()
    try:
        with engine.connect() as db:
            there, oldest = revision(db), support(db)
    except sa.exc.DBAPIError as error:
        raise NoDatabase(address, error.orig) from error
    finally:
        engine.dispose()
    known = newest()
    if there is None or there < known:
        raise SchemaOlder(address, there, known)
    if oldest > known:
        raise SchemaNewer(address, there, oldest, known)


def revision(db: sa.Connection) -> str | None:
    """None for a database without our tables."""
    return db.execute(_revision).scalar() if db.execute(_there).scalar() else None


def support(db: sa.Connection) -> str:
    """The oldest revision that a program must know to work with what is there; empty when nothing is."""
    return db.execute(_oldest).scalar_one() if revision(db) else ""
