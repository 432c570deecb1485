"""Rows of a SQLite database through ADBC: in one read transaction, or by key in short ones.

ADBC contains a SQLite of its own, so a file that is open here must not be open through `sqlite3` in the same process. A
file in WAL mode can be written by others while it is read; in the older modes a long reading makes writers wait.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import quote

import pyarrow as pa

from services.contract.spec import JobSpec, ReadingMode, Relation
from services.worker.ports import Reading
from services.worker.sources import errors
from services.worker.sources.rows.columns import SourceColumn, order_types, source_columns, with_key
from services.worker.sources.rows.conditions import Parameter, Sql
from services.worker.sources.rows.page import rows_on, sql_limit
from services.worker.sources.rows.reading import BATCH_ROWS, ReadingFacts, SnapshotReading
from services.worker.sources.sql.adbc import Session
from services.worker.sources.sql.failures import driver_error, of_words
from services.worker.sources.sql.keyset import PAGE_ROWS, Key, KeysetReading, pages
from services.worker.sources.sql.names import in_utf8, resolved
from services.worker.sources.sql.sqlite import dialect
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from services.worker.sources.sql.sqlite.storage_classes import storage_of
from services.worker.sources.sql.time_bound import time_bound_s, within

_NO_DATABASE = re.compile("not a database|malformed")
_PATIENCE_MS = 5_000
_BATCHES = {"adbc.sqlite.query.batch_rows": str(BATCH_ROWS)}


@contextmanager
def opened(settings: SqliteSettings, spec: JobSpec) -> Iterator[Reading]:
    """Open a reading of the spec. Raises SourceFailed."""
    with connected(settings) as session:
        file = File(session, settings)
        yield file.by_key(spec) if spec.reading is ReadingMode.KEYSET else file.snapshot(spec)


@contextmanager
def connected(settings: SqliteSettings) -> Iterator[Session]:
    """Open the database for reading. Raises SourceFailed."""
    import adbc_driver_manager  # noqa: PLC0415 - only a child that reads needs it
    import adbc_driver_sqlite.dbapi  # noqa: PLC0415

    try:
        connection = adbc_driver_sqlite.dbapi.connect(f"file:{quote(str(settings.path))}?mode=ro")
    except adbc_driver_manager.Error as error:
        raise errors.unavailable(settings.id) from driver_error(error)
    with connection:
        session = Session(connection, lambda error: _failure(error, settings.id))
        session.rows(f"pragma busy_timeout = {_PATIENCE_MS}")
        yield session


def names_of(session: Session, relation: Relation) -> list[str]:
    """Return the columns of a relation. Raises SourceFailed.

    Of a table, only columns with a name in UTF-8 are returned; a spec cannot name others.
    """
    rows = session.rows(dialect.NAMES, (relation.table,)) if relation.table else []
    return list(in_utf8(bytes(name) for (name,) in rows)) or session.names(dialect.relation(relation))


def _failure(error: Exception, source_id: str) -> errors.SourceFailed:
    import adbc_driver_manager  # noqa: PLC0415 - only a child that reads needs it

    if isinstance(error, UnicodeDecodeError):
        return errors.name_not_utf8(source_id)
    broken = _NO_DATABASE.search(str(error))
    refused = isinstance(error, adbc_driver_manager.ProgrammingError) and not broken
    return of_words(str(error), source_id, errors.query_invalid if refused else errors.unavailable)


class File:
    """A database. Its statements see one snapshot until `Session.end`."""

    def __init__(self, session: Session, settings: SqliteSettings) -> None:
        self._session = session
        self._settings = settings

    def snapshot(self, spec: JobSpec) -> Reading:
        """Read all rows at one moment. They are counted in the same snapshot if the condition is exact."""
        as_of, time_zone = datetime.now(UTC), self._settings.time_zone
        self._session.rows("select count(*) from sqlite_schema")  # the first read begins the snapshot
        relation = self._checked(spec)
        storage = storage_of(self._session.rows, spec, relation, time_zone)
        matching = dialect.where(spec.filter, storage)
        selection = with_key(source_columns(spec, deciding=not matching.exact), spec)
        facts = ReadingFacts(as_of, None, spec.filter, page=spec.page, time_zone=time_zone)
        if matching.exact:
            counted = self._session.rows(
                f"select count(*) from {relation} where {matching.text}",  # noqa: S608 - quoted
                matching.parameters,
            )
            facts = ReadingFacts(as_of, rows_on(spec.page, counted[0][0]), time_zone=time_zone)
        order = dialect.order(spec.order, order_types(spec), storage)
        # A limit, even -1, keeps SQLite from dropping the order of a subquery.
        limit = sql_limit(spec.page if matching.exact else None) or " limit -1"
        rest = f"{relation} where {matching.text}{order}{limit}"
        rows = self._batches(selection, (), rest, matching.parameters)
        bound_s = time_bound_s(self._settings.statement_timeout_s, spec)
        return SnapshotReading(within(rows, bound_s, self._settings.id), selection, facts)

    def by_key(self, spec: JobSpec) -> Reading:
        """Read in pieces, each in a transaction of its own and after the last key.

        The stored values may change between transactions, so no column is assumed to be stored in one way.
        """
        relation = self._checked(spec)
        matching = dialect.where(spec.filter, {})
        selection = with_key(source_columns(spec, deciding=not matching.exact), spec)
        keys = [dialect.column(name) for name in spec.key]
        nulls = " or ".join(f"{key} is null" for key in keys)
        if self._session.rows(f"select exists(select 1 from {relation} where {nulls})")[0][0]:  # noqa: S608 - quoted
            raise errors.value_invalid(", ".join(spec.key), "a key without nulls")
        self._session.end()
        order = f"order by {', '.join(keys)} limit {PAGE_ROWS}"

        def behind(last: Key | None) -> Iterator[pa.RecordBatch]:
            beyond = _compared(keys, ">", last) if last else Sql("1")
            rest = f"{relation} where {matching.text} and {beyond.text} {order}"
            yield from self._batches(selection, keys, rest, (*matching.parameters, *beyond.parameters))

        def shared(last: Key) -> bool:
            same = _compared(keys, "=", last)
            statement = f"select 1 from {relation} where {same.text} limit 2"  # noqa: S608 - quoted
            return len(self._session.rows(statement, same.parameters)) > 1

        filter_ = None if matching.exact else spec.filter
        facts = ReadingFacts(datetime.now(UTC), None, filter_, page=spec.page, time_zone=self._settings.time_zone)
        ambiguous = errors.key_ambiguous(self._settings.id, list(spec.key))
        return KeysetReading(pages(behind, shared, self._session.end, len(keys), ambiguous), selection, facts)

    def _checked(self, spec: JobSpec) -> str:
        """Return the relation. Raises SourceFailed when it does not exist or differs from the spec."""
        relation = dialect.relation(spec.relation)
        names = names_of(self._session, spec.relation)
        resolved(spec, names, self._settings.id)
        return dialect.by_bytes(relation, names) if self._has_own_collations() else relation

    def _has_own_collations(self) -> bool:
        """Whether tables use collations that only their application has. SQLite cannot compare values without them."""
        rows = self._session.rows("select sql from sqlite_schema where sql like '%collate%'")
        return any(dialect.own_collations(sql) for (sql,) in rows)

    def _batches(
        self, selection: tuple[SourceColumn, ...], keys: Iterable[str], rest: str, parameters: tuple[Parameter, ...]
    ) -> Iterator[pa.RecordBatch]:
        statement = _statement(selection, tuple(keys), rest)
        return _without_first_row(self._session.batches(statement, parameters, **_BATCHES))


def _statement(selection: tuple[SourceColumn, ...], keys: tuple[str, ...], rest: str) -> str:
    sentinels = [dialect.sentinel(c.type) for c in selection] + ["''"] * len(keys)
    values = [dialect.value(c.name, c.type) for c in selection] + [_key_text(key) for key in keys]
    first = ", ".join(f"{text} as c{i}" for i, text in enumerate(sentinels))
    others = ", ".join(f"{text} as c{i}" for i, text in enumerate(values))
    return f"select {first} union all select * from (select {others} from {rest})"  # noqa: S608 - quoted


def _without_first_row(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch.slice(1)
        break
    yield from batches


def _key_text(key: str) -> str:
    """Return a key as text that can be converted back. SQLite has no types of columns to rely on."""
    return (
        f"case typeof({key}) when 'blob' then 'b' || hex({key})"
        f" when 'real' then 'r' || format('%!.17g', {key}) when 'text' then 't' || hex({key}) else 'i' || {key} end"
    )


_KEYS: dict[str, Callable[[str], Parameter]] = {"i": int, "r": float, "t": bytes.fromhex, "b": bytes.fromhex}


def _compared(keys: list[str], how: str, last: Key) -> Sql:
    values = tuple(_KEYS[text[0]](text[1:]) for text in last)
    # A parameter is UTF-8, but a stored text need not be. The plus keeps the cast from changing the other operand's
    # type.
    marks = ("+cast(? as text)" if text[0] == "t" else "?" for text in last)
    return Sql(f"({', '.join(keys)}) {how} ({', '.join(marks)})", values)
