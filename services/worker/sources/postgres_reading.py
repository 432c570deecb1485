"""Rows of a PostgreSQL database, through ADBC: in one snapshot, or by key in short transactions."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute

from services.contract.spec import JobSpec, Kind, ReadingMode
from services.worker.ports import Reading
from services.worker.sources import address, errors, postgres
from services.worker.sources.adbc import DriverSaid, Session
from services.worker.sources.columns import Picked, missing, order_types, pick
from services.worker.sources.conditions import Sql, literal, quoted
from services.worker.sources.keyset import PAGE_ROWS, KeysetReading, pages
from services.worker.sources.page import rows_on, sql_limit
from services.worker.sources.postgres_types import Columns, Stored
from services.worker.sources.reading import Found, SnapshotReading
from services.worker.sources.settings import SourceSettings

pc: Any = pyarrow.compute

_SNAPSHOT = "set transaction isolation level repeatable read read only"
_SHORT = "set transaction isolation level read committed read only"
_TIMED_OUT = "57014"
_WRONG_VALUE = "22"
_WRONG_STATEMENT = ("42", "3F", "0A")
# Before 4714 BC PostgreSQL has no moment; ADBC makes one of infinity, either one, and of the years after 294246.
_FIRST_DAY = -2_440_588
_FIRST_MICROSECOND = _FIRST_DAY * 86_400_000_000
_LAST_TIME = 86_399_999_999


@contextmanager
def opened(settings: SourceSettings, spec: JobSpec) -> Iterator[Reading]:
    """A reading of the spec. Raises SourceFailed."""
    with connected(settings) as session:
        database = Database(session, settings)
        yield database.by_key(spec) if spec.reading is ReadingMode.KEYSET else database.snapshot(spec)


@contextmanager
def connected(settings: SourceSettings) -> Iterator[Session]:
    """A connection to the database of the settings. Raises SourceFailed."""
    import adbc_driver_manager  # noqa: PLC0415 - only a child that reads needs it
    import adbc_driver_postgresql.dbapi  # noqa: PLC0415

    def said(text: str) -> str:
        return address.scrubbed(text, settings.url)

    def failure(error: Exception) -> errors.SourceFailed:
        return failed(getattr(error, "sqlstate", None), settings.id)

    try:
        connection = adbc_driver_postgresql.dbapi.connect(_with_options(settings.url))
    except adbc_driver_manager.Error as error:
        raise errors.unavailable(settings.id) from DriverSaid(said(f"{type(error).__name__}: {error}"))
    with connection:
        yield Session(connection, settings.id, failure, said)


def _with_options(url: str) -> str:
    """A host that does not answer must not keep a job for minutes."""
    query = urlsplit(url).query
    if "connect_timeout=" in query:
        return url
    return f"{url}{'&' if query else '?'}connect_timeout=10&application_name=exportd-worker"


def failed(sqlstate: str | None, source_id: str) -> errors.SourceFailed:
    """What an error of PostgreSQL means for callers."""
    state = sqlstate or ""
    if state == _TIMED_OUT:
        return errors.too_long(source_id)
    if state.startswith(_WRONG_VALUE):
        return errors.SourceFailed(errors.VALUE_INVALID, f"The source {source_id!r} holds a value it cannot convert.")
    if state.startswith(_WRONG_STATEMENT):
        return errors.relation_missing(source_id)
    return errors.unavailable(source_id)


class Database:
    """A connection, whose statements see one snapshot until `Session.end`."""

    def __init__(self, session: Session, settings: SourceSettings) -> None:
        self._session = session
        self._settings = settings
        self._utf8 = False

    def begin(self, spec: JobSpec, level: str = _SNAPSHOT) -> datetime:
        """Begin a transaction that writes values in one way, whatever the server is set to; when, by its clock."""
        self._session.rows(level)
        bounds = [b for b in (self._settings.statement_timeout_s, spec.limits.max_snapshot_s) if b]
        options = {
            "TimeZone": "UTC",
            "DateStyle": "ISO, YMD",
            "IntervalStyle": "iso_8601",
            "extra_float_digits": "1",
            "standard_conforming_strings": "on",
            "statement_timeout": str(int(min(bounds, default=0) * 1000)),
        }
        calls = ", ".join(f"set_config({literal(name)}, {literal(value)}, true)" for name, value in options.items())
        row = self._session.rows(f"select current_setting('server_encoding'), statement_timestamp(), {calls}")[0]
        self._utf8 = row[0] == "UTF8"
        return datetime.fromisoformat(str(row[1])).astimezone(UTC)

    def columns(self, spec: JobSpec) -> Columns:
        """The columns that the spec uses. Raises RELATION_MISSING, COLUMN_MISSING."""
        relation = postgres.relation(spec.relation)
        names = self._session.names(relation)
        absent = missing(spec, names)
        if absent:
            raise errors.column_missing(self._settings.id, absent)
        by_name = {name.casefold(): name for name in names} | {name: name for name in names if name == name.casefold()}
        used = {p.name for p in pick(spec, deciding=True)} | {t.column for t in spec.order} | {*spec.key}
        wanted = [by_name[name] for name in dict.fromkeys(n.casefold() for n in sorted(used)) if name in by_name]
        stored = self._types(relation, wanted)
        return Columns({column.name.casefold(): column for column in stored}, self._settings.time_zone)

    def _types(self, relation: str, names: list[str]) -> list[Stored]:
        """Their types without a row being read; those of domains are the ones below."""
        asked = ", ".join(f"pg_typeof(r.{quoted(name)})::oid" for name in names)
        found = self._session.rows(
            "with recursive asked(place, own, oid) as ("  # noqa: S608 - quoted
            f" select u.place, u.oid, u.oid from (select array[{asked}]::oid[] as oids from (select 1) as one"
            f" left join {relation} on false) as a, unnest(a.oids) with ordinality as u(oid, place)"
            " union all select a.place, a.own, t.typbasetype from asked a join pg_type t on t.oid = a.oid"
            " where t.typtype = 'd')"
            " select a.place::int8, a.oid::int8, a.own::regtype::text from asked a join pg_type t on t.oid = a.oid"
            " where t.typtype <> 'd' order by a.place"
        )
        return [Stored(names[place - 1], oid, type_) for place, oid, type_ in found]

    def snapshot(self, spec: JobSpec) -> Reading:
        """Everything at one moment, counted there where the condition is exact."""
        as_of = self.begin(spec)
        columns = self.columns(spec)
        matching = postgres.where(spec.filter, columns)
        picked = pick(spec, deciding=not matching.exact)
        rest = f"from {postgres.relation(spec.relation)} where {self.set_parameters(matching)}"
        found = Found(as_of, None, spec.filter, utf8=self._utf8, page=spec.page, time_zone=columns.time_zone)
        if matching.exact:
            count = self._session.rows(f"select count(*) {rest}")[0][0]
            found = Found(as_of, rows_on(spec.page, count), utf8=self._utf8, time_zone=columns.time_zone)
        order = postgres.order(spec.order, order_types(spec), columns)
        limit = sql_limit(spec.page) if matching.exact else ""
        batches = self._session.batches(f"select {_values(picked, columns)} {rest}{order}{limit}")
        return SnapshotReading(_plain(batches, picked), picked, found)

    def set_parameters(self, condition: Sql) -> str:
        """The condition's text, once what it compares with is set for the transaction."""
        text, statement, values = postgres.parameters(condition)
        if statement:
            self._session.rows(statement, values)
        return text

    def by_key(self, spec: JobSpec) -> Reading:
        """Piece by piece in transactions of their own, each behind the last key."""
        self.begin(spec, _SHORT)
        columns = self.columns(spec)
        matching = postgres.where(spec.filter, columns)
        picked = pick(spec, deciding=not matching.exact)
        keys = [columns.raw(name) for name in spec.key]
        relation = postgres.relation(spec.relation)
        nulls = " or ".join(f"{key} is null" for key in keys)
        if self._session.rows(f"select exists(select 1 from {relation} where {nulls})")[0][0]:  # noqa: S608
            raise errors.value_invalid(", ".join(spec.key), "a key without nulls")
        self._session.end()
        selected = f"{_values(picked, columns)}, " + ", ".join(f"{key}::text" for key in keys)
        casts = [f"::{columns.type(name)}" for name in spec.key]

        def behind(last: tuple[str, ...] | None) -> Iterator[pa.RecordBatch]:
            self.begin(spec, _SHORT)
            condition = Sql(f"{matching.text}", matching.parameters)
            if last is not None:
                marks = ", ".join(f"{postgres.MARK}{cast}" for cast in casts)
                text = f"{matching.text} and ({', '.join(keys)}) > ({marks})"
                condition = Sql(text, (*matching.parameters, *last))
            where = self.set_parameters(condition)
            order = ", ".join(keys)
            yield from self._session.batches(
                f"select {selected} from {relation} where {where} order by {order} limit {PAGE_ROWS}"  # noqa: S608
            )
            self._session.end()

        rows = pages(behind, len(keys))
        found = Found(
            datetime.now(UTC),
            None,
            None if matching.exact else spec.filter,
            utf8=self._utf8,
            page=spec.page,
            time_zone=columns.time_zone,
        )
        return KeysetReading(_plain(rows, picked), picked, found)


def _values(picked: Iterable[Picked], columns: Columns) -> str:
    return ", ".join(f"{columns.value(p.name, p.type)} as c{i}" for i, p in enumerate(picked)) or "1"


def _plain(batches: Iterable[pa.RecordBatch], picked: tuple[Picked, ...]) -> Iterator[pa.RecordBatch]:
    """Without Arrow types of PostgreSQL's own, and with no moment that is none. Raises VALUE_INVALID."""
    before = 0
    for batch in batches:
        columns = [c.storage if isinstance(c, pa.ExtensionArray) else c for c in batch.columns]
        for column, one in zip(columns, picked, strict=True):
            _check_moments(column, one, before)
        yield pa.RecordBatch.from_arrays(columns, names=[f"c{i}" for i in range(len(columns))])
        before += batch.num_rows


def _check_moments(column: Any, picked: Picked, before: int) -> None:
    wrong = _not_moments(column, picked.type.kind)
    if wrong is not None and pc.any(wrong).as_py():
        raise errors.value_invalid(picked.label, picked.type, before + pc.index(wrong, value=True).as_py() + 1)


def _not_moments(column: Any, kind: Kind) -> Any:
    """Which values are infinite, or 24:00; None when the type holds nothing of that sort."""
    if pa.types.is_timestamp(column.type):
        return pc.less(column.view(pa.int64()), _FIRST_MICROSECOND)
    if pa.types.is_date32(column.type):
        return pc.less(column.view(pa.int32()), _FIRST_DAY)
    if pa.types.is_time(column.type) and kind is Kind.TIME:
        return pc.greater(column.view(pa.int64()), _LAST_TIME)
    return None
