"""Checks whether a database has the schema of this version, without importing Alembic."""

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
    """The database was changed for a newer version, beside which this version cannot run."""

    def __init__(self, address: Address, there: str, oldest: str, known: str) -> None:
        super().__init__(
            f"{SETTING}: the {address} has schema {there}, which needs a version of exportd that knows {oldest}, and "
            f"this one knows {known} at most: start a newer version"
        )


def newest() -> str:
    """Return the latest revision that this version knows: the first part of the last file's name."""
    return max(file.stem.partition("_")[0] for file in VERSIONS.glob("[0-9]*.py"))


def check(address: Address) -> None:
    """Raise SchemaOlder, SchemaNewer or NoDatabase unless the database has a suitable schema."""
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
    """Return the revision of the schema; None if the database has no tables of exportd."""
    return db.execute(_revision).scalar() if db.execute(_there).scalar() else None


def support(db: sa.Connection) -> str:
    """Return the oldest revision that a program must know to use the database; empty if there is no schema."""
    return db.execute(_oldest).scalar_one() if revision(db) else ""
