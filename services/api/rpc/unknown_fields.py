"""Refuses fields that this version does not know, at any depth of a request: a caller that sets one relies on it."""

from collections.abc import Iterator
from itertools import islice

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from services.contract.errors import InvalidRequest, Violation

MAX_VIOLATIONS = 10


def refuse(request: Message) -> None:
    """Raise InvalidRequest with the first unknown fields, by path and number."""
    if violations := tuple(islice(_of(request, ""), MAX_VIOLATIONS)):
        raise InvalidRequest(violations)


def _of(message: Message, path: str) -> Iterator[Violation]:
    for unknown in UnknownFieldSet(message):  # type: ignore[attr-defined]
        yield Violation(f"{path}field {unknown.field_number}", "is not known to this version; leave it out")
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        if field.is_repeated:
            for place, each in enumerate(value):
                yield from _of(each, f"{path}{field.name}[{place}].")
        else:
            yield from _of(value, f"{path}{field.name}.")
