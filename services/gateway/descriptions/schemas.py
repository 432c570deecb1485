"""The type of a value, for people."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_LIMITS = {
    "format": "{}",
    "pattern": "pattern {}",
    "minimum": "from {}",
    "maximum": "to {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "maxProperties": "at most {}",
    "default": "default {}",
}


def type_of(schema: Mapping[str, Any]) -> str:
    """Return a schema in a few words of HTML, with links to those that it refers to."""
    return ", ".join(filter(None, (_kind(schema), *_limits(schema))))


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "oneOf" in schema and "type" not in schema:
        return " or ".join(type_of(each) for each in schema["oneOf"])
    if "items" in schema:
        return f"array of {type_of(schema['items'])}"
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " | ".join(f"<code>{escape(str(value) or '(empty)')}</code>" for value in values)
    return escape(schema.get("type", ""))


def _limits(schema: Mapping[str, Any]) -> Iterator[str]:
    for name, text in _LIMITS.items():
        if name in schema:
            yield escape(text.format(schema[name]))
