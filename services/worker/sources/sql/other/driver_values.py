"""Python objects of a database's driver as text that parse.py reads."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa

from services.contract.spec import ColumnType, Kind
from services.worker.sources.rows.invalid import with_invalid
from services.worker.sources.rows.parse import Array

_TEXT = ColumnType(Kind.TEXT)
_HOLDING = (Mapping, list, tuple, set, frozenset)
_BARE = (bool, int, float, Decimal)
_EXACT = Context(prec=400)
"""Enough for the largest real with 38 digits behind its point."""
_HALVES = re.compile("[\ud800-\udfff]")
"""Of surrogate pairs, and bytes that are not UTF-8 as Python keeps them in a text."""
_NOISE = Decimal("1e-14")
"""Share of a real within which it stands for a decimal."""
_MIDNIGHT = datetime(1, 1, 1, tzinfo=UTC)


class Unwritable(Exception):
    """A value that has no text but the one that Python has for its own."""


def as_text(value: Any, type_: ColumnType) -> str | bytes | None:
    """The text of a value for a column of this type; bytes for binary; None is null. Raises Unwritable."""
    if value is None:
        return None
    if type_.kind is Kind.BINARY:
        return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else str(value).encode()
    if isinstance(value, _HOLDING) or (type_.kind is Kind.JSON and not isinstance(value, str | bytes)):
        return _whole_json(value)
    return _scalar(value, type_)


def array(values: Sequence[Any], type_: ColumnType) -> Array:
    """A column as parse.py reads it: texts, or bytes for binary; what has no text is invalid, see invalid.py."""
    arrow = pa.large_binary() if type_.kind is Kind.BINARY else pa.large_string()
    try:
        return pa.array([as_text(value, type_) for value in values], arrow)
    except (Unwritable, UnicodeEncodeError):
        told = [_told(value, type_) for value in values]
        return with_invalid(pa.array([text for text, _ in told], arrow), [wrong for _, wrong in told])


def _told(value: Any, type_: ColumnType) -> tuple[str | bytes | None, str | None]:
    """The text of a value, or what stands for it when it has none."""
    try:
        text = as_text(value, type_)
    except Unwritable:
        return None, type(value).__name__
    if isinstance(text, str) and _HALVES.search(text):
        return None, _HALVES.sub("\ufffd", text)
    return text, None


def _scalar(value: Any, type_: ColumnType) -> str:
    for python, text in _TEXTS:
        if isinstance(value, python):
            return text(value, type_)
    if getattr(type(value), "__str__", None) is object.__str__:
        raise Unwritable
    return str(value)


def _whole_json(value: Any) -> str:
    try:
        return _json(value)
    except RecursionError:
        raise Unwritable from None


def _json(value: Any) -> str:
    """JSON with every digit. What no JSON has, as NaN, stays so, and is refused by whoever reads it."""
    if isinstance(value, Mapping):
        members = (f"{_quoted(_key(key))}:{_json(each)}" for key, each in value.items())
        return f"{{{','.join(members)}}}"
    if isinstance(value, _HOLDING):
        return f"[{','.join(map(_json, value))}]"
    if value is None:
        return "null"
    text = _scalar(value, _TEXT)
    return text if isinstance(value, _BARE) else _quoted(text)


def _key(key: Any) -> str:
    return _json(key) if isinstance(key, _HOLDING) else _scalar(key, _TEXT)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _boolean(value: bool, type_: ColumnType) -> str:
    return str(int(value)) if type_.kind is Kind.INTEGER else str(value).lower()


def _decimal(value: Decimal, type_: ColumnType) -> str:
    if type_.kind is Kind.INTEGER and value == value.to_integral_value():
        return str(int(value))
    return format(value, "f")


def _float(value: float, type_: ColumnType) -> str:
    if type_.kind is Kind.INTEGER and value.is_integer():
        return str(int(value))
    if type_.kind is Kind.DECIMAL and math.isfinite(value):
        number = Decimal(repr(value))  # the value itself has digits that nobody wrote
        rounded = number.quantize(Decimal(1).scaleb(-type_.scale), context=_EXACT)
        return f"{rounded if abs(rounded - number) <= abs(number) * _NOISE else number:f}"
    return repr(value)


def _moment(value: datetime, type_: ColumnType) -> str:
    if type_.kind is Kind.DATE and value == datetime.combine(value, time(), value.tzinfo):
        return value.date().isoformat()
    return value.isoformat()


def _length(value: timedelta, type_: ColumnType) -> str:
    """MySQL gives times of day as lengths."""
    if type_.kind is Kind.TIME and timedelta() <= value < timedelta(days=1):
        return (_MIDNIGHT + value).time().isoformat()
    micros = abs(value) // timedelta(microseconds=1)
    return f"{'-' if value < timedelta() else ''}PT{micros // 1_000_000}.{micros % 1_000_000:06}S"


def _bytes(value: bytes, _: ColumnType) -> str:
    return value.decode("utf-8", "surrogateescape")


_TEXTS: tuple[tuple[type, Callable[[Any, ColumnType], str]], ...] = (
    (str, lambda value, _: value),
    (bool, _boolean),
    (int, lambda value, _: str(value)),
    (Decimal, _decimal),
    (float, _float),
    (datetime, _moment),
    (date, lambda value, _: value.isoformat()),
    (time, lambda value, _: value.isoformat()),
    (timedelta, _length),
    (bytes, _bytes),
)
"""How a value of each type is written; the first that fits: a bool is an int, a datetime is a date."""
