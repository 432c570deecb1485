"""Values of enums: in a message they bear their enum's prefix (STATE_QUEUED), everywhere else they do not."""

from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper as PbEnum

E = TypeVar("E", bound=Enum)
V = TypeVar("V", bound=int)

UNSPECIFIED = "UNSPECIFIED"
"""The name of every enum's value 0, behind its prefix."""


def enum_to_pb(pb_enum: "PbEnum[V]", member: Enum | None) -> V:
    """The value that bears the name of `member`; the unspecified one for None."""
    return name_to_pb(pb_enum, member.name if member else UNSPECIFIED)


def name_to_pb(pb_enum: "PbEnum[V]", name: str) -> V:
    """The value of this name. Raises ValueError when there is none."""
    value: V = _value(pb_enum, name)
    return value


def name_from_pb(pb_enum: "PbEnum[V]", number: int) -> str:
    """The name of a value; for a number that this version does not know, the number."""
    value = pb_enum.DESCRIPTOR.values_by_number.get(number)
    return value.name.removeprefix(_prefix(pb_enum)) if value else str(number)


def enum_from_pb(kind: type[E], pb_enum: "PbEnum[V]", number: int, default: E | None = None) -> E:
    """The member of `kind` that bears the name of `number`; `default` for the unspecified one.

    Raises ValueError for a number that this version does not know, and for the unspecified one without a default.
    """
    if number == 0 and default is not None:
        return default
    name = name_from_pb(pb_enum, number)
    if name not in kind.__members__:
        raise ValueError(f"{name} is not a {kind.__name__}")
    return kind[name]


@cache
def _value(pb_enum: Any, name: str) -> Any:
    return pb_enum.Value(_prefix(pb_enum) + name)


@cache
def _prefix(pb_enum: "PbEnum[V]") -> str:
    """What the names of an enum's values begin with, such as "STATE_"; the lint of proto/ holds every enum to it."""
    return pb_enum.DESCRIPTOR.values_by_number[0].name.removesuffix(UNSPECIFIED)
