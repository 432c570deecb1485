"""Connections through SQLAlchemy, with the options of each driver."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from services.worker.sources.sql.other.settings import OtherSqlSettings

if TYPE_CHECKING:
    import sqlalchemy as sa

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "duckdb": {"read_only": True},  # does not create a missing file, and does not lock one that others read
}
"""Options of drivers by the name of the dialect."""


def engine(settings: OtherSqlSettings) -> "sa.Engine":
    """Return an engine without a pool whose errors show no values. Raises SQLAlchemyError or ImportError."""
    import sqlalchemy as sa  # noqa: PLC0415 - few sources need it

    name = sa.make_url(settings.url).get_backend_name()
    arguments = _ARGUMENTS.get(name, {})
    return sa.create_engine(settings.url, poolclass=sa.NullPool, hide_parameters=True, connect_args=arguments)


@contextmanager
def connected(settings: OtherSqlSettings) -> Iterator["sa.Connection"]:
    """Connect. Raises SQLAlchemyError, ImportError or OSError."""
    with engine(settings).connect() as connection:
        yield connection
