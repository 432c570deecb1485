"""Values of enums: in a message they bear their enum's prefix (STATE_QUEUED), everywhere else they do not."""

from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.descriptor import EnumDescriptor

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper as PbEnum

E = TypeVar("E", bound=Enum)
V = TypeVar("V", bound=int)

UNSPECIFIED = "UNSPECIFIED"
"""The name of every enum's value 0, behind its prefix."""


def enum_to_pb(pb_enum: "PbEnum[V]", member: Enum | None) -> V:
    """The value that bears the name of `member`; the unspecified one for None."""
    return pb_enum.Value(prefix(pb_enum.DESCRIPTOR) + (member.name if member else UNSPECIFIED))


def enum_from_pb(kind: type[E], pb_enum: "PbEnum[V]", number: int, default: E | None = None) -> E:
    """The member of `kind` that bears the name of `number`; `default` for the unspecified one.

    Raises ValueError for a number that this version does not know, and for the unspecified one without a default.
    """
    if number == 0 and default is not None:
        return default
    value = pb_enum.DESCRIPTOR.values_by_number.get(number)
    name = value.name.removeprefix(prefix(pb_enum.DESCRIPTOR)) if value else str(number)
    if name not in kind.__members__:
        raise ValueError(f"{name} is not a {kind.__name__}")
    return kind[name]


@cache
def prefix(descriptor: EnumDescriptor) -> str:
    """What the names of an enum's values begin with, such as "STATE_"; the lint of proto/ holds every enum to it."""
    return str(descriptor.values_by_number[0].name).removesuffix(UNSPECIFIED)
