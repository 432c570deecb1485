"""Conversion of filters, their terms and values."""

from datetime import date, datetime
from decimal import Decimal

from exportd.queue.v1 import job_spec_pb2 as spec_pb2
from services.contract import spec
from services.contract.codec.enums import enum_from_pb, enum_to_pb
from services.contract.codec.scalars import timestamp_from_pb, timestamp_to_pb
from services.contract.codec.types import invalid_from_pb, invalid_to_pb, type_from_pb, type_to_pb


def filter_to_pb(node: spec.Filter) -> spec_pb2.Filter:
    match node:
        case spec.All(filters):
            return spec_pb2.Filter(all=spec_pb2.Filters(filters=[filter_to_pb(f) for f in filters]))
        case spec.AnyOf(filters):
            return spec_pb2.Filter(any=spec_pb2.Filters(filters=[filter_to_pb(f) for f in filters]))
        case spec.Term():
            return spec_pb2.Filter(term=_term_to_pb(node))


def filter_from_pb(message: spec_pb2.Filter) -> spec.Filter:
    match message.WhichOneof("node"):
        case "all":
            return spec.All(tuple(filter_from_pb(f) for f in message.all.filters))
        case "any":
            return spec.AnyOf(tuple(filter_from_pb(f) for f in message.any.filters))
        case "term":
            return _term_from_pb(message.term)
        case unknown:
            raise ValueError(f"a filter that this version does not know: {unknown}")


def _term_to_pb(term: spec.Term) -> spec_pb2.Term:
    return spec_pb2.Term(
        column=term.column,
        type=type_to_pb(term.type),
        operator=enum_to_pb(spec_pb2.Term.Operator, term.operator),
        values=[_value_to_pb(term.type.kind, v) for v in term.values],
        ignore_case=term.ignore_case,
        or_null=term.or_null,
        invalid=invalid_to_pb(term.invalid),
    )


def _term_from_pb(message: spec_pb2.Term) -> spec.Term:
    return spec.Term(
        column=message.column,
        type=type_from_pb(message.type),
        operator=enum_from_pb(spec.Operator, spec_pb2.Term.Operator, message.operator),
        values=tuple(_value_from_pb(v) for v in message.values),
        ignore_case=message.ignore_case,
        or_null=message.or_null,
        invalid=invalid_from_pb(message.invalid),
    )


def _value_to_pb(kind: spec.Kind, value: spec.Value) -> spec_pb2.Value:
    match value:
        case bool():
            return spec_pb2.Value(boolean=value)
        case int():
            return spec_pb2.Value(integer=value)
        case Decimal():
            return spec_pb2.Value(decimal=format(value, "f"))
        case float():
            return spec_pb2.Value(float=value)
        case datetime():
            return spec_pb2.Value(timestamp=timestamp_to_pb(value))
        case date():
            return spec_pb2.Value(date=value.isoformat())
        case str():
            return spec_pb2.Value(text=value)
    raise ValueError(f"no {kind.value} is a {type(value).__name__}")


def _value_from_pb(message: spec_pb2.Value) -> spec.Value:
    which = message.WhichOneof("value")
    match which:
        case "decimal":
            return Decimal(message.decimal)
        case "date":
            return date.fromisoformat(message.date)
        case "timestamp":
            return timestamp_from_pb(message.timestamp)
        case "text" | "integer" | "float" | "boolean":
            value: spec.Value = getattr(message, which)
            return value
        case None:
            raise ValueError("a value that this version does not know")
