"""Rows of a PostgreSQL database through ADBC: in one snapshot, or by key in short transactions."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pyarrow as pa

from services.contract.spec import JobSpec, ReadingMode
from services.worker.ports import Reading
from services.worker.sources import errors
from services.worker.sources.rows.columns import SourceColumn, order_types, source_columns, with_key
from services.worker.sources.rows.conditions import Sql
from services.worker.sources.rows.page import rows_on, sql_limit
from services.worker.sources.rows.reading import ReadingFacts, SnapshotReading
from services.worker.sources.sql.adbc import Session
from services.worker.sources.sql.failures import of_state
from services.worker.sources.sql.keyset import PAGE_ROWS, Key, KeysetReading, pages
from services.worker.sources.sql.postgres import dialect, guards
from services.worker.sources.sql.postgres.moments import with_moments
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.postgres.transaction import Transaction, driver_said, state_of, with_options
from services.worker.sources.sql.postgres.types import Columns


@contextmanager
def opened(settings: PostgresSettings, spec: JobSpec) -> Iterator[Reading]:
    """Open a reading of the spec. Raises SourceFailed."""
    with connected(settings) as session:
        database = Database(session, settings)
        yield database.by_key(spec) if spec.reading is ReadingMode.KEYSET else database.snapshot(spec)


@contextmanager
def connected(settings: PostgresSettings) -> Iterator[Session]:
    """Connect to the database. Raises SourceFailed."""
    import adbc_driver_manager  # noqa: PLC0415 - only a child that reads needs it
    import adbc_driver_postgresql.dbapi  # noqa: PLC0415

    def failure(error: Exception) -> errors.SourceFailed:
        if isinstance(error, UnicodeDecodeError):
            return errors.name_not_utf8(settings.id)
        return of_state(state_of(error), settings.id)

    try:
        connection = adbc_driver_postgresql.dbapi.connect(with_options(settings.url))
    except adbc_driver_manager.Error as error:
        raise errors.unavailable(settings.id, guards.tls_words(str(error))) from driver_said(error, settings.url)
    with connection:
        yield Session(connection, failure, lambda error: driver_said(error, settings.url))


class Database(Transaction):
    """A connection through ADBC. Its statements see one snapshot until `Session.end`."""

    def __init__(self, session: Session, settings: PostgresSettings) -> None:
        super().__init__(session, settings)
        self._session = session

    def snapshot(self, spec: JobSpec) -> Reading:
        """Read all rows at one moment. They are counted in the same snapshot if the condition is exact."""
        as_of = self.begin(spec)
        columns = self.columns(spec)
        matching = dialect.where(spec.filter, columns)
        selection = with_key(source_columns(spec, deciding=not matching.exact), spec)
        rest = f"from {dialect.relation(spec.relation)} where {self.set_parameters(matching)}"
        facts = ReadingFacts(as_of, None, spec.filter, utf8=self.utf8, page=spec.page, time_zone=columns.time_zone)
        if matching.exact:
            count = self._session.rows(f"select count(*) {rest}")[0][0]
            facts = ReadingFacts(as_of, rows_on(spec.page, count), utf8=self.utf8, time_zone=columns.time_zone)
        order = dialect.order(spec.order, order_types(spec), columns)
        limit = sql_limit(spec.page) if matching.exact else ""
        batches = self._session.batches(f"select {_values(selection, columns)} {rest}{order}{limit}")
        return SnapshotReading(_plain(batches, selection), selection, facts)

    def by_key(self, spec: JobSpec) -> Reading:
        """Read in pieces, each in a transaction of its own and after the last key."""
        self.begin(spec)
        columns = self.columns(spec)
        matching = dialect.where(spec.filter, columns)
        selection = with_key(source_columns(spec, deciding=not matching.exact), spec)
        keys = [columns.raw(name) for name in spec.key]
        relation = dialect.relation(spec.relation)
        nulls = " or ".join(f"{key} is null" for key in keys)
        if self._session.rows(f"select exists(select 1 from {relation} where {nulls})")[0][0]:  # noqa: S608
            raise errors.value_invalid(", ".join(spec.key), "a key without nulls")
        self._session.end()
        selected = f"{_values(selection, columns)}, " + ", ".join(f"{key}::text" for key in keys)
        casts = [f"::{columns.type(name)}" for name in spec.key]

        def compared(how: str, last: Key) -> Sql:
            marks = ", ".join(f"{dialect.MARK}{cast}" for cast in casts)
            return Sql(f"({', '.join(keys)}) {how} ({marks})", last)

        def shared(last: Key) -> bool:
            where = self.set_parameters(compared("=", last))
            return len(self._session.rows(f"select 1 from {relation} where {where} limit 2")) > 1  # noqa: S608

        def behind(last: Key | None) -> Iterator[pa.RecordBatch]:
            self.begin(spec)
            condition = matching
            if last is not None:
                beyond = compared(">", last)
                parameters = (*matching.parameters, *beyond.parameters)
                condition = Sql(f"{matching.text} and {beyond.text}", parameters)
            where = self.set_parameters(condition)
            order = ", ".join(keys)
            yield from self._session.batches(
                f"select {selected} from {relation} where {where} order by {order} limit {PAGE_ROWS}"  # noqa: S608
            )

        ambiguous = errors.key_ambiguous(self._settings.id, list(spec.key))
        rows = pages(behind, shared, self._session.end, len(keys), ambiguous)
        facts = ReadingFacts(
            datetime.now(UTC),
            None,
            None if matching.exact else spec.filter,
            utf8=self.utf8,
            page=spec.page,
            time_zone=columns.time_zone,
        )
        return KeysetReading(_plain(rows, selection), selection, facts)


def _values(selection: Iterable[SourceColumn], columns: Columns) -> str:
    return ", ".join(f"{columns.value(c.name, c.type)} as c{i}" for i, c in enumerate(selection)) or "1"


def _plain(batches: Iterable[pa.RecordBatch], selection: tuple[SourceColumn, ...]) -> Iterator[pa.RecordBatch]:
    """Replace Arrow types of PostgreSQL, and add the texts of values that Arrow does not have."""
    for batch in batches:
        arrays = [a.storage if isinstance(a, pa.ExtensionArray) else a for a in batch.columns]
        told = [with_moments(array, column.type.kind) for array, column in zip(arrays, selection, strict=True)]
        yield pa.RecordBatch.from_arrays(told, names=[f"c{i}" for i in range(len(told))])
