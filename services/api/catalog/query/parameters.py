"""Splits the text of a query into parameters, without regard to their meaning."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from services.api.catalog.violations import Refused

_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
# Allowed in a query without encoding, so that times and names with brackets stay readable.
_READABLE = "[]:/@,"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A decoded parameter `base[bracket][bracket]=value`. `value` is None if there is no "="."""

    base: str
    brackets: tuple[str, ...]
    value: str | None

    @property
    def name(self) -> str:
        """The name with its brackets."""
        return self.base + "".join(f"[{b}]" for b in self.brackets)


def split(query: str) -> Iterator[str]:
    """Yield the parameters as they were written, without empty ones."""
    return (raw for raw in query.split("&") if raw)


def written_name(raw: str) -> str:
    """Return the name of a parameter, decoded if possible."""
    name = raw.partition("=")[0]
    try:
        return decode(name)
    except Refused:
        return name


def read_parameter(raw: str) -> Parameter:
    """Parse a parameter. Raises Refused if its encoding or the brackets of its name are wrong."""
    encoded_name, equals, encoded_value = raw.partition("=")
    name, value = decode(encoded_name), decode(encoded_value)
    match = _NAME.fullmatch(name)
    if not match:
        raise Refused("this is not a name: write property=value or property[operator]=value")
    return Parameter(match[1], tuple(match[2][1:-1].split("][")) if match[2] else (), value if equals else None)


def decode(text: str, *, plus_is_space: bool = True) -> str:
    """Percent-decode a text. Raises Refused if it is not encoded correctly, or not UTF-8."""
    if _BROKEN_PERCENT.search(text):
        raise Refused("a % is not followed by two hexadecimal digits; write %25 for the character itself")
    try:
        return unquote_to_bytes(text.replace("+", " ") if plus_is_space else text).decode()
    except UnicodeError:
        raise Refused("percent-decoded, this is not UTF-8") from None


def encode(name: str, value: str) -> str:
    """Return the encoded parameter with this name and value."""
    return f"{quote(name, safe=_READABLE)}={quote(value, safe=_READABLE)}"
