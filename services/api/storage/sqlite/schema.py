"""Whether a database file has the schema of this version, found out without the library that changes schemas."""

from pathlib import Path

import sqlalchemy as sa

VERSIONS = Path(__file__).parent / "migrations" / "versions"

_tables = sa.text("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'")
_version = sa.text("SELECT version_num FROM alembic_version")


def newest() -> str:
    """The revision that this version of exportd knows: the first part of the last file's name."""
    return max(file.stem.partition("_")[0] for file in VERSIONS.glob("[0-9]*.py"))


def is_up_to_date(engine: sa.Engine) -> bool:
    """Whether the file has the schema of this version."""
    return revision(engine) == newest()


def bring_up_to_date(engine: sa.Engine, database: Path) -> None:
    """As `migrate`, which is imported where there is something to do."""
    if not is_up_to_date(engine):
        from services.api.storage.sqlite.migrate import migrate  # noqa: PLC0415 - few starts need it

        migrate(engine, database)


def revision(engine: sa.Engine) -> str | None:
    """None for a file without tables."""
    with engine.connect() as connection, connection.begin():
        return connection.execute(_version).scalar() if connection.execute(_tables).scalar() else None
