"""Values of enums. In a message they have their enum's prefix (STATE_QUEUED), elsewhere they do not."""

from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper as PbEnum

E = TypeVar("E", bound=Enum)
V = TypeVar("V", bound=int)

UNSPECIFIED = "UNSPECIFIED"
"""The name of the value 0 of every enum, after the prefix."""


def enum_to_pb(pb_enum: "PbEnum[V]", member: Enum | None) -> V:
    """Return the value with the name of `member`; the unspecified value for None."""
    return name_to_pb(pb_enum, member.name if member else UNSPECIFIED)


def name_to_pb(pb_enum: "PbEnum[V]", name: str) -> V:
    """Return the value with this name. Raises ValueError when there is none."""
    value: V = _value(pb_enum, name)
    return value


def name_from_pb(pb_enum: "PbEnum[V]", number: int) -> str:
    """Return the name of a value. For a number that this version does not know, return the number as text."""
    value = pb_enum.DESCRIPTOR.values_by_number.get(number)
    return value.name.removeprefix(_prefix(pb_enum)) if value else str(number)


def enum_from_pb(kind: type[E], pb_enum: "PbEnum[V]", number: int, default: E | None = None) -> E:
    """Return the member of `kind` with the name of the value `number`; `default` for the unspecified value.

    Raises ValueError for a number that this version does not know, and for the unspecified value without a default.
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
    """Return the prefix of an enum's names, such as "STATE_". The lint of proto/ enforces it for every enum."""
    return pb_enum.DESCRIPTOR.values_by_number[0].name.removesuffix(UNSPECIFIED)
