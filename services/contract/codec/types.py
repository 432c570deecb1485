"""Types of columns."""

from exportd.v1 import export_pb2
from services.contract import spec
from services.contract.codec.enums import enum_from_pb, enum_to_pb


def type_to_pb(type_: spec.ColumnType) -> export_pb2.ColumnType:
    kind = enum_to_pb(export_pb2.ColumnType.Kind, type_.kind)
    return export_pb2.ColumnType(kind=kind, precision=type_.precision, scale=type_.scale)


def type_from_pb(message: export_pb2.ColumnType) -> spec.ColumnType:
    kind = enum_from_pb(spec.Kind, export_pb2.ColumnType.Kind, message.kind)
    return spec.ColumnType(kind, message.precision, message.scale)
