"""Rows of a MySQL or MariaDB database, read in one snapshot through a cursor on the server."""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pyarrow as pa

from services.contract.spec import All, ColumnType, JobSpec, Kind, ReadingMode
from services.worker.ports import Reading
from services.worker.sources import errors
from services.worker.sources.rows.columns import SourceColumn, missing, order_types, source_columns, with_key
from services.worker.sources.rows.conditions import Parameter, every
from services.worker.sources.rows.reading import ReadingFacts, SnapshotReading
from services.worker.sources.sql.keyset import PAGE_ROWS, Key, KeysetReading, pages
from services.worker.sources.sql.mysql import dialect
from services.worker.sources.sql.mysql.dialect import Code, Columns
from services.worker.sources.sql.mysql.keys import key_array, key_columns
from services.worker.sources.sql.mysql.session import Session, connected
from services.worker.sources.sql.mysql.settings import MysqlSettings
from services.worker.sources.sql.other.driver_values import as_text
from services.worker.sources.sql.time_bound import time_bound_s, within


@contextmanager
def opened(settings: MysqlSettings, spec: JobSpec) -> Iterator[Reading]:
    """Open a reading of the spec. Raises SourceFailed."""
    bound_s = time_bound_s(settings.statement_timeout_s, spec)
    with connected(settings, bound_s) as session:
        by_key = spec.reading is ReadingMode.KEYSET
        yield _by_key(session, settings, spec) if by_key else _snapshot(session, settings, spec, bound_s)


def _snapshot(session: Session, settings: MysqlSettings, spec: JobSpec, bound_s: float) -> Reading:
    """Read every row that may match, in the order of the spec."""
    columns = checked(session, settings, spec)
    selection = _selection(spec)
    statement, parameters = selected(spec, selection, columns)
    rows = (_batch(part, selection, columns) for part in session.batches(statement, parameters))
    return SnapshotReading(within(rows, bound_s, settings.id), selection, _facts(session, settings, spec))


def _by_key(session: Session, settings: MysqlSettings, spec: JobSpec) -> Reading:
    """Read in pieces, each in a transaction of its own and after the last key."""
    columns = checked(session, settings, spec)
    selection, relation = _selection(spec), dialect.relation(spec.relation)
    key = key_columns(spec.key, columns, session.types(spec.relation) if spec.relation.table else {})
    if session.rows(f"select exists(select 1 from {relation} where {key.with_null})")[0][0]:  # noqa: S608 - quoted
        raise errors.value_invalid(", ".join(spec.key), "a key without nulls")
    facts, matching = _facts(session, settings, spec), dialect.where(spec.filter, columns)
    values = ", ".join([*_values(selection, columns), *key.values])

    def shared(last: Key) -> bool:
        same = key.same(last)
        return len(session.rows(f"select 1 from {relation} where {same.text} limit 2", same.parameters)) > 1  # noqa: S608

    def behind(last: Key | None) -> Iterator[pa.RecordBatch]:
        session.begin()
        condition = every((matching, key.behind(last))) if last else matching
        statement = f"select {values} from {relation} where {condition.text}{key.order} limit {PAGE_ROWS}"  # noqa: S608
        for part in session.batches(statement, condition.parameters):
            yield _with_key(part, selection, columns)

    ambiguous = errors.key_ambiguous(settings.id, list(spec.key))
    return KeysetReading(pages(behind, shared, session.end, len(spec.key), ambiguous), selection, facts)


def checked(session: Session, settings: MysqlSettings, spec: JobSpec) -> Columns:
    """Return the columns of the relation.

    Raises SourceFailed (RELATION_MISSING, COLUMN_MISSING or PERMISSION_DENIED).
    """
    listed = session.described(spec.relation)
    absent = missing(spec, [name for name, *_ in listed])
    if absent and spec.relation.table and session.denies(spec.relation, absent):
        raise errors.columns_denied(settings.id, absent)
    if absent:
        raise errors.column_missing(settings.id, absent)
    return Columns({name.casefold(): (name, code) for name, code, _ in reversed(listed)})


def _selection(spec: JobSpec) -> tuple[SourceColumn, ...]:
    return with_key(source_columns(spec, deciding=_is_narrowed(spec)), spec)


def _is_narrowed(spec: JobSpec) -> bool:
    return spec.filter != All()


def _facts(session: Session, settings: MysqlSettings, spec: JobSpec) -> ReadingFacts:
    filter_ = spec.filter if _is_narrowed(spec) else None
    return ReadingFacts(session.as_of, None, filter_, page=spec.page, time_zone=settings.time_zone)


def selected(spec: JobSpec, selection: Sequence[SourceColumn], columns: Columns) -> tuple[str, tuple[Parameter, ...]]:
    """Return the statement and its parameters."""
    values = ", ".join(_values(selection, columns)) or "1"
    matching = dialect.where(spec.filter, columns)
    order = dialect.order(spec.order, order_types(spec), columns)
    rest = f"{dialect.relation(spec.relation)} where {matching.text}{order}"
    return f"select {values} from {rest}", matching.parameters  # noqa: S608 - quoted


def _values(selection: Sequence[SourceColumn], columns: Columns) -> list[str]:
    return [f"{columns.value(c.name, c.type)} as c{i}" for i, c in enumerate(selection)]


def _with_key(rows: Sequence[Sequence[Any]], selection: Sequence[SourceColumn], columns: Columns) -> pa.RecordBatch:
    """Convert rows to a batch. The values of the key are at the end of each row, and the batch has them as text."""
    batch = _batch([row[: len(selection)] for row in rows], selection, columns)
    keys = [key_array(values) for values in [*zip(*rows, strict=True)][len(selection) :]]
    names = [f"c{i}" for i in range(len(selection) + len(keys))]
    return pa.RecordBatch.from_arrays([*batch.columns, *keys], names=names)


def _batch(rows: Sequence[Sequence[Any]], selection: Sequence[SourceColumn], columns: Columns) -> pa.RecordBatch:
    """Convert rows to columns: text for parse.py, bytes for binary."""
    arrays = [
        _array(values, column.type, columns.code(column.name))
        for values, column in zip(zip(*rows, strict=True), selection, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=[f"c{i}" for i in range(len(arrays))])


def _array(values: Sequence[Any], type_: ColumnType, code: int) -> "pa.Array[Any]":
    """Convert a column. Bytes for a text column are passed on unchecked; parse.py reports those that are not UTF-8."""
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
    """Return the shortest text that gives the same 32-bit float.

    For example 11.4: the same value as a 64-bit float is 11.399999618530273.
    """
    packed = struct.pack("f", value)
    texts = (f"{value:.{digits}g}" for digits in range(6, 10))
    text = next((text for text in texts if struct.pack("f", float(text)) == packed), repr(value))
    return text if type_.kind is Kind.FLOAT else format(Decimal(text), "f")
