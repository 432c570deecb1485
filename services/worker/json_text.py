r"""What JSON is: one meaning for what is read and for what is written.

RFC 8259, of which every reader takes what is written: numbers of any size; neither NaN nor infinity; no half of a
surrogate pair (`"\ud83d"`, which the RFC allows and many readers refuse with the whole file); MAX_DEPTH values in one
another.
"""

import json
import re
import secrets
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NoReturn

import orjson

MAX_DEPTH = 100
"""Arrays and objects in one another: DuckDB stops at 128, others later, and a file adds some of its own."""

_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|([\[{])|([\]}])', re.DOTALL)
_PAIR, _HALF = r"u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w", r"u[dD][89a-fA-F]\w\w"
_ESCAPES = re.compile(rf"\\(?:{_PAIR}|({_HALF})|.)", re.DOTALL)


def all_json(texts: Sequence[str]) -> bool:
    """Whether every text is JSON, found together; false, too, for what only orjson refuses, such as 1e400.

    Each is wrapped in an object under a key nobody can guess. Texts that only make sense together (`1},{"x":2`) would
    add a key or take one away, so the count of objects with just that key tells.
    """
    key = secrets.token_hex(8)
    try:
        parsed = orjson.loads("[" + ",".join(f'{{"{key}":{text}}}' for text in texts) + "]")
    except orjson.JSONDecodeError:
        return False
    alone = len(parsed) == len(texts) and all(item.keys() == {key} for item in parsed)
    return alone and not any(map(_is_deep, texts))


def is_json(text: str) -> bool:
    """Whether the text is JSON."""
    if _is_deep(text) or _has_lone_surrogate(text):
        return False
    try:
        _STRICT.decode(text)
    except ValueError:
        return False
    return True


def encoded(value: Any) -> str:
    """Python's values as JSON, however deep and with every digit; what is no JSON stays what it is called there, `NaN`.

    Names of members are texts: `{7: 1}` is `{"7":1}`. An object of another type is its text.
    """
    parts: list[str] = []
    waiting: list[Any] = [value]
    while waiting:
        match waiting.pop():
            case _Token() as token:
                parts.append(token)
            case dict() as members:
                waiting += reversed(_listed("{", [(_Token(f"{_name(k)}:"), v) for k, v in members.items()], "}"))
            case list() | tuple() | set() | frozenset() as items:
                waiting += reversed(_listed("[", [(item,) for item in items], "]"))
            case scalar:
                parts.append(_scalar(scalar))
    return "".join(parts)


class _Token(str):
    """Finished JSON."""

    __slots__ = ()


def _listed(begin: str, items: Sequence[tuple[Any, ...]], end: str) -> list[Any]:
    parts = [part for item in items for part in (_Token(","), *item)]
    return [_Token(begin), *parts[1:], _Token(end)]


def _name(key: Any) -> str:
    return _scalar(key if isinstance(key, str) else encoded(key))


def _scalar(value: Any) -> str:
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case int():
            return int.__repr__(value)
        case float():
            return _FLOATS.get(float.__repr__(value), float.__repr__(value))
        case Decimal():
            return str(value)
    text = str(value)
    return json.dumps(text, ensure_ascii=not text.isprintable())


_FLOATS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _is_deep(text: str) -> bool:
    """Whether arrays and objects are too deep in one another, in what is JSON otherwise."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = deepest = 0
    for found in _BRACKETS.finditer(text):
        depth += (found[1] is not None) - (found[2] is not None)
        deepest = max(deepest, depth)
    return deepest > MAX_DEPTH


def _has_lone_surrogate(text: str) -> bool:
    return "\\u" in text and any(found[1] for found in _ESCAPES.finditer(text))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


# Numbers of any size are JSON; NaN and Infinity are not, though the json module reads them.
_STRICT = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse)
