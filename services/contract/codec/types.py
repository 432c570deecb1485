"""Conversion of column types, and of what happens to invalid values."""

from exportd.queue.v1 import job_spec_pb2 as spec_pb2
from exportd.v1 import export_pb2
from services.contract import spec
from services.contract.codec.enums import enum_from_pb, enum_to_pb


def type_to_pb(type_: spec.ColumnType) -> export_pb2.ColumnType:
    kind = enum_to_pb(export_pb2.ColumnType.Kind, type_.kind)
    return export_pb2.ColumnType(kind=kind, precision=type_.precision, scale=type_.scale)


def type_from_pb(message: export_pb2.ColumnType) -> spec.ColumnType:
    kind = enum_from_pb(spec.Kind, export_pb2.ColumnType.Kind, message.kind)
    return spec.ColumnType(kind, message.precision, message.scale)


def invalid_to_pb(invalid: spec.Invalid | None) -> spec_pb2.Invalid.ValueType:
    """None becomes the unspecified value: the default of the type."""
    return enum_to_pb(spec_pb2.Invalid, invalid)


def invalid_from_pb(number: int) -> spec.Invalid | None:
    """Raises ValueError for a number that this version does not know."""
    return enum_from_pb(spec.Invalid, spec_pb2.Invalid, number) if number else None
