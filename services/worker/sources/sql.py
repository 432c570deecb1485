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

from services.contract.spec import JobSpec
from services.worker.ports import Reading
from services.worker.sources import errors, sqlite, stored
from services.worker.sources.columns import Picked, missing, order_types, pick
from services.worker.sources.conditions import Parameter
from services.worker.sources.page import rows_on, sql_limit
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
            yield _open(snapshot, spec, as_of, self._settings.time_zone)


class _Snapshot:
    """A read transaction; statements run one after the other."""

    def __init__(self, connection: Any, source_id: str) -> None:
        self._connection = connection
        self._source_id = source_id

    def rows(self, sql: str, parameters: tuple[Parameter, ...] = ()) -> list[tuple[Any, ...]]:
        with self._guarded(), self._connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return list(cursor.fetchall())

    def names(self, relation: str) -> list[str]:
        """Columns of a relation. Raises RELATION_MISSING when SQLite can't prepare it."""
        import adbc_driver_manager  # noqa: PLC0415 - only a child that reads needs it

        with self._guarded(), self._connection.cursor() as cursor:
            try:
                cursor.execute(f"select * from {relation} limit 0")  # noqa: S608 - quoted
            except adbc_driver_manager.ProgrammingError as error:
                raise errors.relation_missing(self._source_id) from error
            return [each[0] for each in cursor.description]

    def batches(self, sql: str, parameters: tuple[Parameter, ...]) -> Iterator[pa.RecordBatch]:
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


def _check(snapshot: _Snapshot, source_id: str, spec: JobSpec) -> None:
    absent = missing(spec, snapshot.names(sqlite.relation(spec.relation)))
    if absent:
        raise errors.column_missing(source_id, absent)


def _open(snapshot: _Snapshot, spec: JobSpec, as_of: datetime, time_zone: str) -> Reading:
    relation = sqlite.relation(spec.relation)
    storage = stored.storage(snapshot.rows, spec, time_zone)
    matching = sqlite.where(spec.filter, storage)
    picked = pick(spec, deciding=not matching.exact)
    found = Found(as_of, None, spec.filter, page=spec.page, time_zone=time_zone)
    if matching.exact:
        counted = snapshot.rows(f"select count(*) from {relation} where {matching.text}", matching.parameters)  # noqa: S608
        found = Found(as_of, rows_on(spec.page, counted[0][0]), time_zone=time_zone)
    order = sqlite.order(spec.order, order_types(spec), storage)
    # A limit, even none, keeps SQLite from dropping the order of a subquery.
    limit = sql_limit(spec.page if matching.exact else None) or " limit -1"
    statement = _statement(picked, f"{relation} where {matching.text}{order}{limit}")
    return SnapshotReading(_without_first_row(snapshot.batches(statement, matching.parameters)), picked, found)


def _statement(picked: tuple[Picked, ...], rest: str) -> str:
    first = ", ".join(f"{sqlite.sentinel(p.type)} as c{i}" for i, p in enumerate(picked))
    values = ", ".join(f"{sqlite.value(p.name, p.type)} as c{i}" for i, p in enumerate(picked))
    return f"select {first} union all select * from (select {values} from {rest})"  # noqa: S608


def _without_first_row(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch.slice(1)
        break
    yield from batches
