"""Conversion of job specifications."""

from datetime import timedelta
from functools import lru_cache

from google.protobuf.message import DecodeError

from exportd.queue.v1 import job_spec_pb2 as spec_pb2
from exportd.v1 import export_pb2
from services.contract import spec
from services.contract.codec.enums import enum_from_pb, enum_to_pb
from services.contract.codec.filters import filter_from_pb, filter_to_pb
from services.contract.codec.relations import (
    attachment_from_pb,
    attachment_to_pb,
    relation_from_pb,
    relation_to_pb,
    source_from_pb,
    source_to_pb,
)
from services.contract.codec.scalars import duration_from_pb, duration_to_pb
from services.contract.codec.tables import table_from_pb, table_to_pb
from services.contract.codec.types import invalid_from_pb, invalid_to_pb, type_from_pb, type_to_pb
from services.contract.formats import Packaging

MAX_SPECS_KNOWN = 32
"""How many specs are cached, since most jobs have the spec of another."""

MAX_KNOWN_SPEC_BYTES = 32_768
"""The size of the largest stored spec that is cached."""

MAX_COLUMNS_KNOWN = 4096
"""Number of converted columns that are cached.

Most jobs have columns that other jobs have, too. Messages that contain a cached column have a copy.
"""


def spec_to_bytes(frozen: spec.JobSpec) -> bytes:
    """Return the form in which a spec is stored."""
    return spec_to_pb(frozen).SerializeToString(deterministic=True)


def spec_from_bytes(stored: bytes) -> spec.JobSpec:
    """Return the stored spec, the same object for the same bytes. Raises ValueError if this version cannot read it."""
    return _known_spec(stored) if len(stored) <= MAX_KNOWN_SPEC_BYTES else _read_spec(stored)


def _read_spec(stored: bytes) -> spec.JobSpec:
    try:
        return spec_from_pb(spec_pb2.JobSpec.FromString(stored))
    except DecodeError as undecodable:
        raise ValueError(str(undecodable)) from undecodable


_known_spec = lru_cache(MAX_SPECS_KNOWN)(_read_spec)


def spec_to_pb(frozen: spec.JobSpec) -> spec_pb2.JobSpec:
    return spec_pb2.JobSpec(
        collection=frozen.collection,
        source=source_to_pb(frozen.source),
        relation=relation_to_pb(frozen.relation),
        key=frozen.key,
        columns=[_column_to_pb(c) for c in frozen.columns],
        filter=filter_to_pb(frozen.filter),
        order=[_order_to_pb(t) for t in frozen.order],
        attachments=[attachment_to_pb(a) for a in frozen.attachments],
        table=table_to_pb(frozen.table),
        packaging=enum_to_pb(export_pb2.Packaging, frozen.packaging),
        table_name=frozen.table_name,
        query=frozen.query,
        reading_mode=enum_to_pb(spec_pb2.JobSpec.ReadingMode, frozen.reading),
        limits=_limits_to_pb(frozen.limits),
        page=spec_pb2.Page(offset=frozen.page.offset, limit=frozen.page.limit) if frozen.page else None,
        secret=frozen.secret,
    )


def spec_from_pb(message: spec_pb2.JobSpec) -> spec.JobSpec:
    """Raises ValueError for anything that this version does not know."""
    return spec.JobSpec(
        collection=message.collection,
        source=source_from_pb(message.source),
        relation=relation_from_pb(message.relation),
        key=tuple(message.key),
        columns=tuple(_column_from_pb(c) for c in message.columns),
        filter=filter_from_pb(message.filter) if message.HasField("filter") else spec.All(),
        order=tuple(spec.OrderTerm(t.column, t.descending, t.nulls_first) for t in message.order),
        attachments=tuple(attachment_from_pb(a) for a in message.attachments),
        table=table_from_pb(message.table),
        packaging=enum_from_pb(Packaging, export_pb2.Packaging, message.packaging),
        table_name=message.table_name,
        query=message.query,
        reading=enum_from_pb(spec.ReadingMode, spec_pb2.JobSpec.ReadingMode, message.reading_mode),
        limits=_limits_from_pb(message.limits),
        page=spec.Page(message.page.offset, message.page.limit) if message.HasField("page") else None,
        secret=tuple(message.secret),
    )


def _limits_to_pb(limits: spec.Limits) -> spec_pb2.Limits:
    age = duration_to_pb(timedelta(seconds=limits.max_snapshot_s)) if limits.max_snapshot_s else None
    return spec_pb2.Limits(max_rows=limits.max_rows, max_snapshot_age=age)


def _limits_from_pb(message: spec_pb2.Limits) -> spec.Limits:
    return spec.Limits(message.max_rows, int(duration_from_pb(message.max_snapshot_age).total_seconds()))


def _order_to_pb(term: spec.OrderTerm) -> spec_pb2.OrderTerm:
    return spec_pb2.OrderTerm(column=term.column, descending=term.descending, nulls_first=term.nulls_first)


@lru_cache(MAX_COLUMNS_KNOWN)
def _column_to_pb(column: spec.ColumnSpec) -> spec_pb2.ColumnSpec:
    return spec_pb2.ColumnSpec(
        name=column.name,
        field=column.field,
        header=column.header,
        type=type_to_pb(column.type),
        mask=enum_to_pb(spec_pb2.ColumnSpec.Mask, column.mask),
        invalid=invalid_to_pb(column.invalid),
    )


def _column_from_pb(message: spec_pb2.ColumnSpec) -> spec.ColumnSpec:
    return _column_in(message.SerializeToString())


@lru_cache(MAX_COLUMNS_KNOWN)
def _column_in(stored: bytes) -> spec.ColumnSpec:
    message = spec_pb2.ColumnSpec.FromString(stored)
    mask = enum_from_pb(spec.Mask, spec_pb2.ColumnSpec.Mask, message.mask) if message.mask else None
    type_, invalid = type_from_pb(message.type), invalid_from_pb(message.invalid)
    return spec.ColumnSpec(message.name, message.field, message.header, type_, mask, invalid)
