"""Names of enum values. In a message a value has the prefix of its enum (STATE_QUEUED); people and JSON use QUEUED."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar, cast

from exportd.v1.export_pb2 import Export

if TYPE_CHECKING:
    from google._upb._message import EnumDescriptor as UpbEnumDescriptor
    from google.protobuf.descriptor import EnumDescriptor
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper as PbEnum

V = TypeVar("V", bound=int)

StateName: TypeAlias = Literal["QUEUED", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED"]

_UNSPECIFIED = "UNSPECIFIED"


def name_of(enum: "PbEnum[V]", value: V) -> str:
    """Return the name of `value` without its prefix: `name_of(Export.State, export.state)` may be "COMPLETED".

    Return "UNSPECIFIED" for an unset field, and the number as text for a value that only a newer service knows.
    """
    known = enum.DESCRIPTOR.values_by_number.get(value)
    return short_name(enum.DESCRIPTOR, known.name) if known else str(value)


def value_of(enum: "PbEnum[V]", name: str) -> V:
    """Return the value with this name, which has no prefix: the inverse of `name_of`.

    Raises ValueError for an unknown name.
    """
    return enum.Value(_prefix(enum.DESCRIPTOR) + name)


def names_of(enum: "PbEnum[V]") -> Iterator[str]:
    """Return the names of all values except UNSPECIFIED, in order."""
    return (short_name(enum.DESCRIPTOR, value.name) for value in enum.DESCRIPTOR.values if value.number)


def state_name(export: Export) -> StateName:
    """Return the name of the export's state, such as "PROCESSING"."""
    return cast("StateName", name_of(Export.State, export.state))


def short_name(descriptor: "EnumDescriptor | UpbEnumDescriptor", name: str) -> str:
    """Return `name`, the full name of a value of the enum, without its prefix."""
    return name.removeprefix(_prefix(descriptor))


def _prefix(descriptor: "EnumDescriptor | UpbEnumDescriptor") -> str:
    return str(descriptor.values_by_number[0].name).removesuffix(_UNSPECIFIED)
