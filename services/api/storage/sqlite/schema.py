"""Checks whether a database file has the schema of this version, without importing Alembic."""

from pathlib import Path

import sqlalchemy as sa

VERSIONS = Path(__file__).parent / "migrations" / "versions"

_tables = sa.text("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'")
_version = sa.text("SELECT version_num FROM alembic_version")


def newest() -> str:
    """Return the latest revision that this version knows: the first part of the last file's name."""
    return max(file.stem.partition("_")[0] for file in VERSIONS.glob("[0-9]*.py"))


def is_up_to_date(engine: sa.Engine) -> bool:
    """Whether the file has the schema of this version."""
    return revision(engine) == newest()


def bring_up_to_date(engine: sa.Engine, database: Path) -> None:
    """Migrate the file if necessary; see `migrate`, which is imported only then."""
    if not is_up_to_date(engine):
        from services.api.storage.sqlite.migrate import migrate  # noqa: PLC0415 - few starts need it

        migrate(engine, database)


def revision(engine: sa.Engine) -> str | None:
    """Return the revision of the schema; None for a file without tables."""
    with engine.connect() as connection, connection.begin():
        return connection.execute(_version).scalar() if connection.execute(_tables).scalar() else None
