"""Rows of a MySQL or MariaDB database: one snapshot, through a cursor that stays with the server."""

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from services.contract.spec import All, ColumnType, JobSpec, Kind, ReadingMode, Relation
from services.worker.ports import Reading
from services.worker.sources import errors
from services.worker.sources.rows.columns import SourceColumn, missing, order_types, source_columns, with_key
from services.worker.sources.rows.conditions import Parameter
from services.worker.sources.rows.reading import BATCH_ROWS, ReadingFacts, SnapshotReading
from services.worker.sources.sql import address
from services.worker.sources.sql.failures import driver_error, of_words
from services.worker.sources.sql.mysql import dialect
from services.worker.sources.sql.mysql.dialect import Code, Columns
from services.worker.sources.sql.mysql.settings import MysqlSettings
from services.worker.sources.sql.other.driver_values import as_text
from services.worker.sources.sql.time_bound import time_bound_s, within

if TYPE_CHECKING:
    import sqlalchemy as sa

_CONNECT_TIMEOUT_S = 10
_WRITE_TIMEOUT_S = 3_600
"""How long the server waits for a worker that is busy with what it has got."""
_TIMED_OUT = frozenset({1969, 3024})
_WRONG_STATEMENT = frozenset({1044, 1052, 1054, 1060, 1064, 1102, 1103, 1109, 1142, 1143, 1146, 1273, 1305, 1356, 1370})
_SNAPSHOT = "start transaction with consistent snapshot, read only"


@contextmanager
def opened(settings: MysqlSettings, spec: JobSpec) -> Iterator[Reading]:
    """A reading of the spec. Raises SourceFailed."""
    if spec.reading is ReadingMode.KEYSET:
        raise errors.reading_unsupported(settings.id)
    bound_s = time_bound_s(settings.statement_timeout_s, spec)
    with connected(settings, bound_s) as session:
        yield _reading(session, settings, spec, bound_s)


@contextmanager
def connected(settings: MysqlSettings, statement_timeout_s: float = 0) -> Iterator["Session"]:
    """A connection in a snapshot, whose clock is UTC. Raises SourceFailed."""
    guard = _guarded(settings)
    with guard():
        import sqlalchemy as sa  # noqa: PLC0415 - only a child that reads needs it

        # What is in the address comes last: it may say more of time and TLS, and of nothing else.
        arguments = {"charset": "utf8mb4", "connect_timeout": _CONNECT_TIMEOUT_S, "local_infile": False}
        engine = sa.create_engine(
            settings.url, poolclass=sa.NullPool, hide_parameters=True, connect_args=arguments
        ).execution_options(isolation_level="REPEATABLE READ")
        connection = engine.connect()
    try:
        session = Session(connection, guard)
        session.prepare(statement_timeout_s)
        yield session
    finally:
        connection.close()


class Session:
    """Statements one after the other, all of one snapshot. What is in a `%` must be doubled."""

    def __init__(self, connection: "sa.Connection", guard: Callable[[], AbstractContextManager[None]]) -> None:
        self._connection = connection
        self._guard = guard

    def prepare(self, statement_timeout_s: float) -> None:
        """Settings of the session, and its snapshot. Raises SourceFailed."""
        mariadb = getattr(self._connection.dialect, "is_mariadb", False)
        bound = f"max_statement_time = {statement_timeout_s:f}"
        if not mariadb:
            bound = f"max_execution_time = {round(statement_timeout_s * 1000)}"
        options = f"time_zone = '+00:00', net_write_timeout = {_WRITE_TIMEOUT_S}, sql_select_limit = default, {bound}"
        self.rows(f"set session {options}")
        self.rows(_SNAPSHOT)

    def rows(self, sql: str, parameters: tuple[Parameter, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a statement that gives few. Raises SourceFailed."""
        with self._guard():
            result = self._connection.exec_driver_sql(sql, parameters)
            return [tuple(row) for row in result] if result.returns_rows else []

    def described(self, relation: Relation) -> list[tuple[str, int, int]]:
        """Names, Codes and decimals of a relation's columns, without a row being read. Raises SourceFailed."""
        with self._guard():
            result = self._connection.exec_driver_sql(f"select * from {dialect.relation(relation)} limit 0")  # noqa: S608
            description: Any = result.cursor.description if result.cursor else ()
            return [(each[0], each[1], each[5]) for each in description]

    def batches(self, sql: str, parameters: tuple[Parameter, ...]) -> Iterator[Sequence[Sequence[Any]]]:
        """All rows of a statement, as they come. Raises SourceFailed."""
        with self._guard():
            options = {"stream_results": True, "yield_per": BATCH_ROWS}
            with self._connection.exec_driver_sql(sql, parameters, execution_options=options) as result:
                yield from result.partitions()


def _guarded(settings: MysqlSettings) -> Callable[[], AbstractContextManager[None]]:
    @contextmanager
    def guard() -> Iterator[None]:
        import sqlalchemy.exc as sae  # noqa: PLC0415 - only a child that reads needs it

        try:
            yield
        except (sae.SQLAlchemyError, ImportError, OSError) as error:
            original = getattr(error, "orig", None) or error
            told = driver_error(original, of_value=isinstance(error, sae.DataError | sae.IntegrityError))
            said = errors.DriverError(address.scrubbed(str(told), settings.url))
            raise _failed(_number(error), str(original), settings.id) from said

    return guard


def _number(error: Exception) -> int:
    """Of the error, by the server's own count; 0 when it is not the server's."""
    arguments = getattr(getattr(error, "orig", None), "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else 0


def _failed(number: int, text: str, source_id: str) -> errors.SourceFailed:
    if number in _TIMED_OUT:
        return errors.too_long(source_id)
    return (
        of_words(text, source_id, errors.query_invalid) if number in _WRONG_STATEMENT else errors.unavailable(source_id)
    )


def _reading(session: Session, settings: MysqlSettings, spec: JobSpec, bound_s: float) -> Reading:
    """Every row that may match, in the order of the spec."""
    as_of = datetime.now(UTC)
    columns = checked(session, settings, spec)
    narrowed = bool(spec.filter != All())
    selection = with_key(source_columns(spec, deciding=narrowed), spec)
    statement, parameters = selected(spec, selection, columns)
    rows = (_batch(part, selection, columns) for part in session.batches(statement, parameters))
    facts = ReadingFacts(as_of, None, spec.filter if narrowed else None, page=spec.page, time_zone=settings.time_zone)
    return SnapshotReading(within(rows, bound_s, settings.id), selection, facts)


def checked(session: Session, settings: MysqlSettings, spec: JobSpec) -> Columns:
    """The columns of the relation. Raises RELATION_MISSING, COLUMN_MISSING."""
    listed = session.described(spec.relation)
    absent = missing(spec, [name for name, *_ in listed])
    if absent:
        raise errors.column_missing(settings.id, absent)
    return Columns({name.casefold(): (name, code) for name, code, _ in reversed(listed)})


def selected(spec: JobSpec, selection: Sequence[SourceColumn], columns: Columns) -> tuple[str, tuple[Parameter, ...]]:
    """The statement, and what it is given."""
    values = ", ".join(f"{columns.value(c.name)} as c{i}" for i, c in enumerate(selection)) or "1"
    matching = dialect.where(spec.filter, columns)
    order = dialect.order(spec.order, order_types(spec), columns)
    rest = f"{dialect.relation(spec.relation)} where {matching.text}{order}"
    return f"select {values} from {rest}", matching.parameters  # noqa: S608 - quoted


def _batch(rows: Sequence[Sequence[Any]], selection: Sequence[SourceColumn], columns: Columns) -> pa.RecordBatch:
    """Column by column, as text that parse.py reads; binary as bytes."""
    arrays = [
        _array(values, column.type, columns.code(column.name))
        for values, column in zip(zip(*rows, strict=True), selection, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=[f"c{i}" for i in range(len(arrays))])


def _array(values: Sequence[Any], type_: ColumnType, code: int) -> "pa.Array[Any]":
    """Bytes that are to be text are looked at by parse.py, which says so when they are not UTF-8."""
    if code == Code.FLOAT:
        values = [None if value is None else _shortest(value, type_) for value in values]
    texts = [value if isinstance(value, bytes) else as_text(value, type_) for value in values]
    if type_.kind is Kind.BINARY:
        return pa.array([text.encode() if isinstance(text, str) else text for text in texts], pa.large_binary())
    if any(isinstance(text, bytes) for text in texts):
        raw = pa.array([text.encode() if isinstance(text, str) else text for text in texts], pa.large_binary())
        return raw.cast(pa.large_string(), safe=False)
    return pa.array(texts, pa.large_string())


def _shortest(value: float, type_: ColumnType) -> str:
    """The fewest digits that only this float of 32 bits has: 11.4, which as one of 64 would be 11.399999618530273."""
    packed = struct.pack("f", value)
    texts = (f"{value:.{digits}g}" for digits in range(6, 10))
    text = next((text for text in texts if struct.pack("f", float(text)) == packed), repr(value))
    return text if type_.kind is Kind.FLOAT else format(Decimal(text), "f")
