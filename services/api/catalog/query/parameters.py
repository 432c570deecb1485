"""The text of a query, taken apart into parameters; what they mean is not known here."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from services.api.catalog.violations import Refused

_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
# Legal in a query as they are, so that times and names with brackets stay readable.
_READABLE = "[]:/@,"


@dataclass(frozen=True, slots=True)
class Parameter:
    """`base[bracket][bracket]=value`, decoded; `value` is None when there is no "="."""

    base: str
    brackets: tuple[str, ...]
    value: str | None

    @property
    def name(self) -> str:
        """With its brackets."""
        return self.base + "".join(f"[{b}]" for b in self.brackets)


def split(query: str) -> Iterator[str]:
    """The parameters as they were written; empty ones are dropped."""
    return (raw for raw in query.split("&") if raw)


def written_name(raw: str) -> str:
    """The name of a parameter, decoded when that is possible."""
    name = raw.partition("=")[0]
    try:
        return decode(name)
    except Refused:
        return name


def read_parameter(raw: str) -> Parameter:
    """Raises Refused when its encoding or the brackets of its name are broken."""
    encoded_name, equals, encoded_value = raw.partition("=")
    name, value = decode(encoded_name), decode(encoded_value)
    match = _NAME.fullmatch(name)
    if not match:
        raise Refused("this is not a name: write property=value or property[operator]=value")
    return Parameter(match[1], tuple(match[2][1:-1].split("][")) if match[2] else (), value if equals else None)


def decode(text: str, *, plus_is_space: bool = True) -> str:
    """Percent-decoded UTF-8. Raises Refused when it is not."""
    if _BROKEN_PERCENT.search(text):
        raise Refused("a % is not followed by two hexadecimal digits; write %25 for the character itself")
    try:
        return unquote_to_bytes(text.replace("+", " ") if plus_is_space else text).decode()
    except UnicodeError:
        raise Refused("percent-decoded, this is not UTF-8") from None


def encode(name: str, value: str) -> str:
    """The parameter that reads back as this name and value."""
    return f"{quote(name, safe=_READABLE)}={quote(value, safe=_READABLE)}"
