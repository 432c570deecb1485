"""Messages as JSON and back: the canonical JSON of protobuf. What is unknown, double or misplaced is refused."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message
from multidict import MultiMapping

from exportd_client.errors import Violation
from services.gateway.http.problems import invalid

_BOOLEANS = {"true": True, "false": False}
_WELL_KNOWN = "google.protobuf."


def shown(message: Message) -> dict[str, Any]:
    """Return a message as JSON, with the fields that have their default value."""
    return MessageToDict(message, always_print_fields_with_no_presence=True)


def request_from(kind: type[Message], document: Mapping[str, Any], path: Mapping[str, str]) -> Any:
    """Return a request with the fields of a document and those of the path. Raises InvalidArgument."""
    fields = _fields(kind.DESCRIPTOR)
    misplaced = [Violation(name, "is in the path already") for name in document if _name(fields, name) in path]
    if found := [*_unknown(kind.DESCRIPTOR, document, ""), *misplaced]:
        raise invalid(*found)
    message = kind()
    try:
        ParseDict({**document, **path}, message)
    except (ParseError, ValueError, TypeError, RecursionError) as wrong:
        raise invalid(Violation("", str(wrong) or "the request is nested too deeply")) from None
    return message


def from_query(kind: type[Message], query: MultiMapping[str]) -> dict[str, Any]:
    """Return the fields in a query as a document. `labels[key]=value` is an entry of a map. Raises InvalidArgument."""
    fields, document, violations = _fields(kind.DESCRIPTOR), dict[str, Any](), list[Violation]()
    for name in dict.fromkeys(query):
        base, _, key = name.partition("[")
        field = fields.get(base)
        values = query.getall(name)
        if field is None or bool(key) != _is_map(field) or (key and not key.endswith("]")):
            violations.append(Violation(name, "there is no such parameter"))
        elif key:
            document.setdefault(base, {})[key[:-1]] = values[-1]
        elif not field.is_repeated and len(values) > 1:
            violations.append(Violation(name, f"is there {len(values)} times; give it once"))
        else:
            document[base] = _value(field, values)
    if violations:
        raise invalid(*violations)
    return document


def _value(field: Any, values: list[str]) -> Any:
    typed = [_BOOLEANS.get(value, value) for value in values] if field.type == field.TYPE_BOOL else values
    return typed if field.is_repeated else typed[0]


def _fields(descriptor: Any) -> dict[str, Any]:
    """Return the fields by both of their names: as in the interfaces, and as in JSON."""
    return {name: field for field in descriptor.fields for name in (field.name, field.json_name)}


def _name(fields: Mapping[str, Any], given: str) -> str:
    return fields[given].name if given in fields else ""


def _is_map(field: Any) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _unknown(descriptor: Any, document: Mapping[str, Any], above: str) -> Iterator[Violation]:
    """Yield a violation for each field that the message does not have, however deep, or that is there by both names."""
    fields = _fields(descriptor)
    seen: set[str] = set()
    for given, value in document.items():
        field = fields.get(given)
        if field is None:
            yield Violation(f"{above}{given}", "there is no such field")
        elif field.name in seen:
            yield Violation(f"{above}{given}", "is there twice")
        else:
            seen.add(field.name)
            yield from _unknown_below(field, value, f"{above}{field.name}")


def _unknown_below(field: Any, value: Any, path: str) -> Iterator[Violation]:
    if field.message_type is None or _is_map(field) or field.message_type.full_name.startswith(_WELL_KNOWN):
        return
    each: Iterable[Any] = value if isinstance(value, list) else [value]
    for place, one in enumerate(each):
        if isinstance(one, dict):
            where = f"{path}[{place}]" if isinstance(value, list) else path
            yield from _unknown(field.message_type, one, f"{where}.")
