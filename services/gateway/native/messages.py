"""Messages as JSON and back: the canonical JSON of protobuf. What is unknown, double or misplaced is refused."""

import re
from collections.abc import Mapping
from itertools import chain, islice
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message
from multidict import MultiMapping

from exportd_client.errors import Violation
from services.gateway.http.problems import MAX_VIOLATIONS, invalid
from services.gateway.native.forms import fields_of, is_map, mistakes

_BOOLEANS = {"true": True, "false": False}
_NUMBER = re.compile("-?[0-9]{1,10}")


def shown(message: Message) -> dict[str, Any]:
    """Return a message as JSON, with the fields that have their default value."""
    return MessageToDict(message, always_print_fields_with_no_presence=True)


def request_from(kind: type[Message], document: Mapping[str, Any], path: Mapping[str, str]) -> Any:
    """Return a request with the fields of a document and those of the path. Raises InvalidArgument."""
    fields = fields_of(kind.DESCRIPTOR)
    misplaced = (Violation(name, "is in the path already") for name in document if _name(fields, name) in path)
    if found := [*islice(chain(mistakes(kind.DESCRIPTOR, document), misplaced), MAX_VIOLATIONS)]:
        raise invalid(*found)
    message = kind()
    try:
        ParseDict({**document, **path}, message)
    except (ParseError, ValueError, TypeError, RecursionError) as wrong:
        raise invalid(Violation("", str(wrong) or "the request is nested too deeply")) from None
    return message


def from_query(kind: type[Message], query: MultiMapping[str]) -> dict[str, Any]:
    """Return the fields in a query as a document. `labels[key]=value` is an entry of a map. Raises InvalidArgument."""
    fields, document, violations = fields_of(kind.DESCRIPTOR), dict[str, Any](), list[Violation]()
    for name in dict.fromkeys(query):
        base, _, key = name.partition("[")
        field = fields.get(base)
        values = query.getall(name)
        if field is None or bool(key) != is_map(field) or (key and not key.endswith("]")):
            violations.append(Violation(name, "there is no such parameter"))
        elif len(values) > 1 and (key or not field.is_repeated):
            violations.append(Violation(name, f"is there {len(values)} times; give it once"))
        elif key:
            document.setdefault(base, {})[key[:-1]] = values[0]
        else:
            document[base] = _value(field, values)
    if violations:
        raise invalid(*violations)
    return document


def check_empty(query: MultiMapping[str]) -> None:
    """Refuse every parameter: the request takes none. Raises InvalidArgument."""
    if query:
        raise invalid(*(Violation(name, "there is no such parameter") for name in dict.fromkeys(query)))


def _value(field: Any, values: list[str]) -> Any:
    typed = [_typed(field, value) for value in values]
    return typed if field.is_repeated else typed[0]


def _typed(field: Any, value: str) -> Any:
    """Return what a text stands for; the text itself where it is of no such type."""
    if field.type == field.TYPE_BOOL:
        return _BOOLEANS.get(value, value)
    return int(value) if field.type == field.TYPE_INT32 and _NUMBER.fullmatch(value) else value


def _name(fields: Mapping[str, Any], given: str) -> str:
    return fields[given].name if given in fields else ""
