"""Rows of a SQLite database, through ADBC in one read transaction.

ADBC brings a SQLite of its own: a file that is open here must not be open through `sqlite3` in the same process. A
file in WAL mode is read while others write to it; in the older modes a long reading makes writers wait.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from services.contract.spec import ColumnType, JobSpec, Kind, Relation
from services.worker.ports import Reading
from services.worker.sources import errors, sqlite
from services.worker.sources.columns import Picked, missing, order_types, pick
from services.worker.sources.moments import DATE_GLOB, shape_of
from services.worker.sources.reading import BATCH_ROWS, Found, SnapshotReading
from services.worker.sources.settings import SourceSettings

_PATIENCE_MS = 5_000


class SqlSource:
    """A SQLite file."""

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings

    @contextmanager
    def read(self, spec: JobSpec) -> Iterator[Reading]:
        """See ports.Source. Raises SourceFailed."""
        with ExitStack() as stack:
            snapshot = stack.enter_context(_snapshot(self._settings))
            as_of = datetime.now(UTC)
            snapshot.rows("select count(*) from sqlite_schema")  # the first read takes the snapshot
            _check(snapshot, self._settings.id, spec)
            yield _open(snapshot, spec, as_of)


class _Snapshot:
    """A read transaction; statements run one after the other."""

    def __init__(self, connection: Any, source_id: str) -> None:
        self._connection = connection
        self._source_id = source_id

    def rows(self, sql: str, parameters: tuple[sqlite.Parameter, ...] = ()) -> list[tuple[Any, ...]]:
        with self._guarded(), self._connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return list(cursor.fetchall())

    def names(self, relation: str) -> list[str]:
        with self._guarded(), self._connection.cursor() as cursor:
            cursor.execute(f"select * from {relation} limit 0")  # noqa: S608 - quoted
            return [each[0] for each in cursor.description]

    def batches(self, sql: str, parameters: tuple[sqlite.Parameter, ...]) -> Iterator[pa.RecordBatch]:
        with self._guarded(), self._connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(BATCH_ROWS)})
            cursor.execute(sql, parameters or None)
            with cursor.fetch_record_batch() as reader:
                yield from reader

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        import adbc_driver_manager  # noqa: PLC0415 - only a child that reads needs it

        try:
            yield
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
            raise errors.unavailable(self._source_id) from error


@contextmanager
def _snapshot(settings: SourceSettings) -> Iterator[_Snapshot]:
    import adbc_driver_manager  # noqa: PLC0415 - only a child that reads needs it
    import adbc_driver_sqlite.dbapi  # noqa: PLC0415

    try:
        connection = adbc_driver_sqlite.dbapi.connect(f"file:{quote(str(settings.path))}?mode=ro")
    except adbc_driver_manager.Error as error:
        raise errors.unavailable(settings.id) from error
    with connection:
        snapshot = _Snapshot(connection, settings.id)
        snapshot.rows(f"pragma busy_timeout = {_PATIENCE_MS}")
        yield snapshot
