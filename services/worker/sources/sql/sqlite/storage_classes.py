"""Finds out how a SQLite relation stores the columns that a spec filters and sorts by."""

from collections.abc import Callable
from typing import Any

from services.contract.spec import JobSpec, Kind, Term
from services.worker.sources.rows.columns import only, order_types, terms
from services.worker.sources.rows.conditions import NULLS, Parameter, Sql
from services.worker.sources.sql.sqlite import dialect
from services.worker.sources.sql.sqlite.dialect import MIXED, Storage, Stored
from services.worker.sources.sql.sqlite.iso_shapes import DATE_GLOB, Shape, shape_of

Ask = Callable[[str, tuple[Parameter, ...]], list[tuple[Any, ...]]]
_ANY_SHAPE = Shape("T", 0, "Z")


def storage_of(ask: Ask, spec: JobSpec, relation: str, time_zone: str = "UTC") -> Storage:
    """Examine each column that SQLite compares exactly only if it is stored in one way.

    `time_zone` applies to timestamps without a zone; SQLite compares them exactly only in UTC. Only rows that match the
    terms of text are examined, which is cheap with an index on a text column.
    """
    rows = f"from {relation} where "
    certain = dialect.where(only(spec.filter, lambda term: term.type.kind is Kind.TEXT), {})
    storage = {(name, kind): _stored(ask, rows, certain, name, kind) for name, kind in _doubtful(spec)}
    return {each: stored if _is_sure(stored, time_zone) else MIXED for each, stored in storage.items()}


def _is_sure(stored: Stored, time_zone: str) -> bool:
    return time_zone == "UTC" or stored.shape is None or stored.shape.zone != ""


def _doubtful(spec: JobSpec) -> list[tuple[str, Kind]]:
    types = order_types(spec)
    filtered = [(t.column, t.type.kind) for t in terms(spec.filter) if _is_doubtful(t)]
    ordered = [(t.column, types[t.column].kind) for t in spec.order if t.column in types]
    able = {*dialect.NUMERIC, Kind.DATE, Kind.TIMESTAMP}
    return list(dict.fromkeys(each for each in filtered + ordered if each[1] in able))


def _is_doubtful(term: Term) -> bool:
    return term.type.kind is not Kind.DECIMAL and term.operator not in NULLS


def _stored(ask: Ask, rows: str, certain: Sql, name: str, kind: Kind) -> Stored:
    col = dialect.column(name)

    def none(condition: str) -> bool:
        ((exists,),) = ask(f"select exists(select 1 {rows}{certain.text} and {condition})", certain.parameters)
        return not exists

    def all_like(pattern: str) -> bool:
        return none(f"{col} is not null and (typeof({col}) <> 'text' or {col} not glob '{pattern}')")

    if kind in dialect.NUMERIC:
        return Stored(none(f"{col} >= ''"))  # texts and blobs sort after all numbers
    if kind is Kind.DATE:
        return Stored(all_like(DATE_GLOB))
    content = f"case typeof({col}) when 'text' then cast({col} as blob) end"  # a text need not be UTF-8
    sample = ask(f"select {content} {rows}{certain.text} and {col} is not null limit 1", certain.parameters)
    shape = shape_of(sample[0][0]) if sample else _ANY_SHAPE
    return Stored(plain=True, shape=shape) if shape and all_like(shape.glob) else MIXED
