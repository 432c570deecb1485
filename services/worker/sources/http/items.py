"""Converts items of a JSON answer to Arrow columns. The type of a column decides how its values are read."""

import binascii
import json
import math
import re
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from types import NoneType
from typing import Any

import orjson
import pyarrow as pa

from services.contract.spec import ColumnType, Kind
from services.worker.json_text import encoded
from services.worker.sources.rows.invalid import with_invalid
from services.worker.sources.rows.parse import Array, NotOfType

Item = dict[str, Any]

_NATIVE: dict[Kind, tuple[frozenset[type], pa.DataType]] = {
    Kind.INTEGER: (frozenset({int}), pa.int64()),
    Kind.BOOLEAN: (frozenset({bool}), pa.bool_()),
}


class TooMuch(Exception):
    """Valid JSON that exceeds a limit. The text names what is too large."""


MEMORY_FACTOR = 12
"""Limit of the memory of a page's values, as a multiple of max_page_bytes.

Usual rows take 2 to 6 times their size in transfer, and a page of `{},` takes 27 times its size.
"""

_OBJECT_BYTES, _KEYS_BYTES, _KEY_BYTES = 64, 120, 40
_LIST_BYTES, _ITEM_BYTES = 56, 16
_TEXT_BYTES, _WHOLE_BYTES, _DECIMAL_BYTES = 50, 32, 112
_EXPONENT = re.compile(rb"[0-9][eE]")


def memory_bytes(body: bytes | bytearray) -> int:
    """Estimate the memory of a decoded JSON document by counting its marks, including those inside texts."""
    objects, lists, keys, commas = (body.count(mark) for mark in (b"{", b"[", b'":', b","))
    texts = max(0, body.count(b'"') // 2 - keys)
    numbers = max(0, commas + 1 - texts)  # a list has one value more than commas
    decimals = min(numbers, body.count(b".") + sum(1 for _ in _EXPONENT.finditer(body)))
    structure = objects * _OBJECT_BYTES + min(objects, keys) * _KEYS_BYTES + keys * _KEY_BYTES
    values_ = texts * _TEXT_BYTES + decimals * _DECIMAL_BYTES + (numbers - decimals) * _WHOLE_BYTES
    return structure + lists * _LIST_BYTES + commas * _ITEM_BYTES + values_ + len(body)


def decoded(body: bytes | bytearray) -> Any:
    """Decode a JSON document. A number with a point becomes a Decimal, which keeps every digit.

    Raises ValueError when the document is not JSON, and TooMuch. orjson takes half the time, but turns such numbers
    into doubles.
    """
    try:
        return json.loads(body.decode("utf-8"), parse_float=Decimal, parse_constant=_refused)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except RecursionError:
        raise TooMuch("values nested too deeply") from None
    except (InvalidOperation, ValueError):
        raise TooMuch("a number of too many digits") from None


def at(document: Any, path: str) -> Any:
    """Return the value at a dotted path; None when there is none. An empty path is the document itself."""
    for name in path.split(".") if path else ():
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document


def values(items: Sequence[Item], name: str) -> list[Any]:
    """Return the value at a dotted path for each item; None where there is none."""
    first, *rest = name.split(".")
    column = [item.get(first) for item in items]
    for part in rest:  # one step for all items at a time
        column = [each.get(part) if isinstance(each, dict) else None for each in column]
    return column


def array(column: list[Any], type_: ColumnType) -> Array:
    """Convert values for parse.py: to texts, or to the type itself. Raises NotOfType."""
    kinds = set(map(type, column)) - {NoneType}
    able, native = _NATIVE.get(type_.kind, (frozenset(), pa.null()))
    if type_.kind is Kind.FLOAT and kinds <= _NUMBERS and not any(map(_is_doubtful, column)):
        return pa.array(_each(column, _double), pa.float64())
    if kinds and kinds <= able:
        return _native(column, native)
    if type_.kind is Kind.BINARY:
        return pa.array(_each(column, _binary), pa.large_binary())
    texts = column if kinds <= {str} and type_.kind is not Kind.JSON else _each(column, _AS_TEXT.get(type_.kind, text))
    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError:
        raise NotOfType(next(i for i, t in enumerate(texts) if t and not t.isascii() and _is_broken(t))) from None


def text(value: Any) -> str:
    """Return a value that is not null as text. Values other than texts become JSON."""
    return value if isinstance(value, str) else json_text(value)


def json_text(value: Any) -> str:
    """Return a value as JSON with all digits of its numbers."""
    try:
        return orjson.dumps(value, default=_fragment).decode()
    except TypeError:  # an integer beyond 64 bits, half a surrogate pair, or deep nesting
        return encoded(value)


def apart(column: list[Any], type_: ColumnType) -> Array:
    """Convert values of which some are not of the type: see invalid.py."""
    texts: list[str | None] = [None] * len(column)
    for place, value in enumerate(column):
        try:
            array([value], type_)
        except NotOfType:
            texts[place] = text(value).encode("utf-8", "replace").decode()
    return with_invalid(array([v if t is None else None for v, t in zip(column, texts, strict=True)], type_), texts)


def _number(value: Any) -> str:
    return str(value) if isinstance(value, Decimal) else text(value)


def _whole(value: Any) -> str:
    """Return a number as text. 5.0 is an integer in JSON, however it is written."""
    whole = isinstance(value, Decimal) and value == value.to_integral_value()
    return str(int(value)) if whole and value.adjusted() < _DIGITS else text(value)


def _double(value: Any) -> float:
    """Return the nearest double. Raises ValueError for numbers beyond the range, as JSON has no infinity."""
    double = float(value)
    if math.isinf(double):
        raise ValueError
    return double


def _near_double(value: Any) -> str:
    """Return a number or a text unchanged as text. Raises ValueError for a number beyond the range of doubles."""
    if type(value) in _NUMBERS:
        _double(value)
    return _number(value)


def _is_doubtful(value: Any) -> bool:
    """Whether a number may have more digits than a double: see parse.beyond_doubles."""
    if type(value) is Decimal:
        return len(value.as_tuple().digits) > _CERTAIN_DIGITS or value.adjusted() < _LEAST_EXPONENT
    return type(value) is int and abs(value) > _LAST_CERTAIN


_LAST_CERTAIN = 2**53
_CERTAIN_DIGITS, _LEAST_EXPONENT = 15, -300
_NUMBERS = frozenset({int, float, Decimal})
_DIGITS = 20
_AS_TEXT: Mapping[Kind, Callable[[Any], str]] = {
    Kind.JSON: json_text,
    Kind.INTEGER: _whole,
    Kind.DECIMAL: _number,
    Kind.FLOAT: _near_double,
}


def _native(column: list[Any], type_: pa.DataType) -> Array:
    try:
        return pa.array(column, type_)
    except OverflowError:
        raise NotOfType(next(i for i, v in enumerate(column) if v is not None and not -(2**63) <= v < 2**63)) from None


def _each(column: list[Any], convert: Callable[[Any], Any]) -> list[Any]:
    converted = []
    for index, value in enumerate(column):
        try:
            converted.append(None if value is None else convert(value))
        except (TypeError, ValueError, OverflowError, RecursionError):
            raise NotOfType(index) from None
    return converted


def _binary(value: Any) -> bytes:
    try:
        return b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError from error


def _fragment(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(type(value))


def _is_broken(value: str) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in value)


def _refused(constant: str) -> float:
    raise json.JSONDecodeError("no JSON", constant, 0)
