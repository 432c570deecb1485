"""Requests with one strange value each, at every field of a message that is sound otherwise."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

LARGE = "x" * 10_000_000

TEXTS = [
    "",
    "\0",
    "a\nb",
    "\x1b[2J",
    "../../etc/passwd",
    "' OR 1=1 --",
    "%s%n{0}",
    "é\u202e\uffff",
    "\U0010ffff",
    "x" * 9000,
    "=1+1",
    "00000000-0000-0000-0000-000000000000",
    "0" * 32,
]
NUMBERS = {
    FieldDescriptor.TYPE_BOOL: [False, True],
    FieldDescriptor.TYPE_INT32: [-(2**31), -1, 0, 2**31 - 1],
    FieldDescriptor.TYPE_INT64: [-(2**63), -1, 0, 2**53 + 1, 2**63 - 1],
    FieldDescriptor.TYPE_ENUM: [-1, 99, -(2**31), 2**31 - 1],
}
SPANS = [
    Duration(seconds=-1),
    Duration(nanos=-1),
    Duration(seconds=1, nanos=-1),
    Duration(nanos=10**9),
    Duration(nanos=2**31 - 1),
    Duration(seconds=2**63 - 1),
    Duration(seconds=-(2**63)),
    Duration(seconds=315_576_000_001),
]
MOMENTS = [
    Timestamp(seconds=2**63 - 1),
    Timestamp(seconds=-(2**63)),
    Timestamp(seconds=253_402_300_800),
    Timestamp(seconds=-62_135_596_801),
    Timestamp(nanos=-1),
    Timestamp(nanos=10**9),
    Timestamp(seconds=1, nanos=-(2**31)),
]
LEAVES = {"Duration": SPANS, "Timestamp": MOMENTS}


@dataclass(frozen=True)
class Case:
    """A request whose field at `path` is strange."""

    path: str
    request: Message


@dataclass(frozen=True)
class _Place:
    """A field, and the fields that lead to its message. In lists it is in the first entry."""

    way: tuple[Any, ...]
    field: Any

    @property
    def path(self) -> str:
        steps = (*self.way, self.field)
        return ".".join(f"{each.name}[0]" if each.is_repeated else each.name for each in steps)

    def holder_in(self, request: Message) -> Any:
        holder: Any = request
        for step in self.way:
            holder = getattr(holder, step.name)[0] if step.is_repeated else getattr(holder, step.name)
        return holder

    def put(self, request: Message, value: Any) -> None:
        holder, name = self.holder_in(request), self.field.name
        if self.field.is_repeated:
            getattr(holder, name)[0] = value
        elif isinstance(value, Message):
            getattr(holder, name).CopyFrom(value)
        else:
            setattr(holder, name, value)


def cases(sound: Message) -> Iterator[Case]:
    """A case for each strange value at each field."""
    for place in _values(sound.DESCRIPTOR, ()):
        for value in _strange(place.field):
            yield _case(sound, place, value)


def large_texts(sound: Message) -> Iterator[Case]:
    """A case with ten megabytes at each text."""
    for place in _values(sound.DESCRIPTOR, ()):
        if place.field.type == FieldDescriptor.TYPE_STRING:
            yield _case(sound, place, LARGE)


def long_lists(sound: Message, most: Callable[[str], int]) -> Iterator[Case]:
    """A case for each list with one entry more than `most` says, by message and field."""
    for place in _fields(sound.DESCRIPTOR, ()):
        if place.field.is_repeated:
            request = _copy(sound)
            entries = getattr(place.holder_in(request), place.field.name)
            count = most(f"{place.field.containing_type.name}.{place.field.name}") + 1
            entries.extend([entries[0]] * (count - len(entries)))
            yield Case(place.path.removesuffix("[0]"), request)


def _case(sound: Message, place: _Place, value: Any) -> Case:
    request = _copy(sound)
    place.put(request, value)
    return Case(place.path, request)


def _copy(message: Message) -> Message:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def _strange(field: Any) -> Sequence[Any]:
    if field.message_type is not None:
        return LEAVES[field.message_type.name]
    return TEXTS if field.type == FieldDescriptor.TYPE_STRING else NUMBERS[field.type]


def _fields(of: Any, way: tuple[Any, ...]) -> Iterator[_Place]:
    """All fields, also those that hold messages."""
    for field in of.fields:
        yield _Place(way, field)
        if field.message_type is not None and field.message_type.name not in LEAVES:
            yield from _fields(field.message_type, (*way, field))


def _values(of: Any, way: tuple[Any, ...]) -> Iterator[_Place]:
    """The fields that hold values."""
    for place in _fields(of, way):
        if place.field.message_type is None or place.field.message_type.name in LEAVES:
            yield place


def is_whole(message: Message) -> bool:
    """Whether a message has something in each message and list, so that every field can be reached."""
    for field in message.DESCRIPTOR.fields:
        if field.is_repeated and not getattr(message, field.name):
            return False
        if field.message_type is not None and field.message_type.name not in LEAVES:
            value = getattr(message, field.name)
            if not is_whole(value[0] if field.is_repeated else value):
                return False
    return True
