r"""The definition of valid JSON, both for what is read and for what is written.

It is RFC 8259, limited to what every reader accepts: numbers of any size; no NaN or infinity; no half of a surrogate
pair (`"\ud83d"`, which the RFC allows and for which many readers refuse the whole file); at most MAX_DEPTH nested
values.
"""

import json
import re
import secrets
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NoReturn

import orjson

MAX_DEPTH = 100
"""Limit of nested arrays and objects.

DuckDB allows 128, other readers more, and a file adds a few levels of its own.
"""

_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|([\[{])|([\]}])', re.DOTALL)
_PAIR, _HALF = r"u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w", r"u[dD][89a-fA-F]\w\w"
_ESCAPES = re.compile(rf"\\(?:{_PAIR}|({_HALF})|.)", re.DOTALL)


def all_json(texts: Sequence[str]) -> bool:
    """Whether every text is JSON, checked in one step. It is also false for what only orjson refuses, such as 1e400.

    Each text is wrapped in an object under a random key. Texts that are valid only in combination (`1},{"x":2`) would
    add or remove a key, which the count of objects with exactly that key reveals.
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
    """Encode Python values as JSON with any depth and every digit.

    Values that JSON lacks keep their usual names, such as `NaN`. Names of members become texts: `{7: 1}` is `{"7":1}`.
    An object of another type becomes its text.
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
    """Encoded JSON."""

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
    """Whether arrays and objects are nested too deeply, in a text that is otherwise JSON."""
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


# JSON allows numbers of any size. It does not allow NaN and Infinity, which Python's json module accepts.
_STRICT = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse)
