"""Whether a document has the form of a message. What is unknown, double or of another type is a mistake.

`ParseDict` takes more than the canonical JSON of protobuf, such as numbers as text or null, and does not say where a
mistake is.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from exportd_client.errors import Violation

MAX_INT32 = 2**31 - 1

_TIME = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")
_DURATION = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,9})?s")
_WELL_KNOWN: Mapping[str, tuple[re.Pattern[str], type[Timestamp] | type[Duration], str]] = {
    Timestamp.DESCRIPTOR.full_name: (_TIME, Timestamp, "a time, such as 2026-08-27T22:04:42Z"),
    Duration.DESCRIPTOR.full_name: (_DURATION, Duration, "a duration in seconds, such as 3600s"),
}


def fields_of(descriptor: Any) -> dict[str, Any]:
    """Return the fields by both of their names: as in the interfaces, and as in JSON."""
    return {name: field for field in descriptor.fields for name in (field.name, field.json_name)}


def is_map(field: Any) -> bool:
    """Whether a field is a map."""
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def mistakes(descriptor: Any, document: Mapping[str, Any], above: str = "") -> Iterator[Violation]:
    """Yield a violation for each mistake, however deep. `above` is the path of the document, with a point."""
    fields = fields_of(descriptor)
    seen: set[str] = set()
    for given, value in document.items():
        field = fields.get(given)
        if field is None:
            yield Violation(f"{above}{given}", "there is no such field")
        elif field.name in seen:
            yield Violation(f"{above}{given}", "is there twice")
        else:
            seen.add(field.name)
            yield from _of_field(field, value, f"{above}{field.name}")


def _of_field(field: Any, value: Any, path: str) -> Iterator[Violation]:
    if is_map(field):
        yield from _of_map(field.message_type.fields_by_name["value"], value, path)
    elif not field.is_repeated:
        yield from _of_value(field, value, path)
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _of_value(field, each, f"{path}[{place}]")
    else:
        yield Violation(path, "must be a list")


def _of_map(field: Any, value: Any, path: str) -> Iterator[Violation]:
    if not isinstance(value, dict):
        yield Violation(path, "must be an object")
        return
    for key, each in value.items():
        if _is_text(key):
            yield from _of_value(field, each, f"{path}[{key}]")
        else:
            yield Violation(path, "a key is no text that UTF-8 can hold")


def _of_value(field: Any, value: Any, path: str) -> Iterator[Violation]:
    kind = field.message_type
    if kind is not None and kind.full_name not in _WELL_KNOWN:
        if isinstance(value, dict):
            yield from mistakes(kind, value, f"{path}.")
        else:
            yield Violation(path, "must be an object")
    elif not _is_of(field, value):
        yield Violation(path, f"must be {_what(field)}")


def _is_of(field: Any, value: Any) -> bool:
    if field.enum_type is not None:
        return isinstance(value, str) and value in field.enum_type.values_by_name
    if field.message_type is not None:
        return _is_well_known(field.message_type, value)
    return _SCALARS[field.type][0](value)


def _what(field: Any) -> str:
    if field.enum_type is not None:
        return f"one of {', '.join(field.enum_type.values_by_name)}"
    if field.message_type is not None:
        return _WELL_KNOWN[field.message_type.full_name][2]
    return _SCALARS[field.type][1]


def _is_well_known(kind: Any, value: Any) -> bool:
    pattern, message, _ = _WELL_KNOWN[kind.full_name]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        return False
    try:
        message().FromJsonString(value)
    except ValueError:
        return False
    return True


def _is_text(value: Any) -> bool:
    """Whether a value is a text that can be sent: JSON can hold halves of characters, which UTF-8 cannot."""
    return isinstance(value, str) and value.encode(errors="replace").decode() == value


def _is_int32(value: Any) -> bool:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return whole and not isinstance(value, bool) and -MAX_INT32 - 1 <= value <= MAX_INT32


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


_SCALARS: Mapping[int, tuple[Callable[[Any], bool], str]] = {
    FieldDescriptor.TYPE_STRING: (_is_text, "a text"),
    FieldDescriptor.TYPE_BOOL: (_is_boolean, "true or false"),
    FieldDescriptor.TYPE_INT32: (_is_int32, "a whole number of 32 bits"),
}
"""By the type of the field. No request that the gateway takes has a field of another type."""
