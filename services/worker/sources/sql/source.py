"""Rows of a database: SQLite and PostgreSQL through ADBC as Arrow, any other through SQLAlchemy."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from services.contract.spec import JobSpec, ReadingMode
from services.worker.ports import Reading
from services.worker.sources.settings import SourceSettings
from services.worker.sources.sql.address import is_postgresql, is_sqlite
from services.worker.sources.sql.keyset import check_order
from services.worker.sources.sql.other import cursor
from services.worker.sources.sql.postgres import reading as postgres_reading
from services.worker.sources.sql.sqlite import reading as sqlite_reading


class SqlSource:
    """One database."""

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings

    @contextmanager
    def read(self, spec: JobSpec) -> Iterator[Reading]:
        """See ports.Source. Raises SourceFailed."""
        if spec.reading is ReadingMode.KEYSET:
            check_order(spec)
        with _engine(self._settings.url).opened(self._settings, spec) as reading:
            yield reading


class _Engine(Protocol):
    def opened(self, settings: SourceSettings, spec: JobSpec) -> AbstractContextManager[Reading]:
        """A reading of the spec. Raises SourceFailed."""
        ...


def _engine(url: str) -> _Engine:
    if not url or is_sqlite(url):
        return sqlite_reading
    return postgres_reading if is_postgresql(url) else cursor
