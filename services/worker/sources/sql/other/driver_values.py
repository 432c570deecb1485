"""Converts Python objects of a database's driver to text for parse.py."""

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
"""Enough digits for the largest double with 38 decimals."""
_HALVES = re.compile("[\ud800-\udfff]")
"""Halves of surrogate pairs. Python also uses them in texts for bytes that are not UTF-8."""
_NOISE = Decimal("1e-14")
"""Relative error up to which a double stands for a decimal."""
_MIDNIGHT = datetime(1, 1, 1, tzinfo=UTC)


class Unwritable(Exception):
    """A value of a class without a text form of its own."""


def as_text(value: Any, type_: ColumnType) -> str | bytes | None:
    """Return a value as text for a column of this type, or as bytes for binary. None is null. Raises Unwritable."""
    if value is None:
        return None
    if type_.kind is Kind.BINARY:
        return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else str(value).encode()
    if isinstance(value, _HOLDING) or (type_.kind is Kind.JSON and not isinstance(value, str | bytes)):
        return _whole_json(value)
    return _scalar(value, type_)


def array(values: Sequence[Any], type_: ColumnType) -> Array:
    """Convert a column for parse.py: to texts, or to bytes for binary.

    Values without a text form become invalid, see invalid.py.
    """
    arrow = pa.large_binary() if type_.kind is Kind.BINARY else pa.large_string()
    try:
        return pa.array([as_text(value, type_) for value in values], arrow)
    except (Unwritable, UnicodeEncodeError):
        told = [_told(value, type_) for value in values]
        return with_invalid(pa.array([text for text, _ in told], arrow), [wrong for _, wrong in told])


def _told(value: Any, type_: ColumnType) -> tuple[str | bytes | None, str | None]:
    """Return the text of a value and None, or None and the text that describes an invalid value."""
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
    """Return JSON with all digits. Values that JSON lacks, such as NaN, stay as they are; the reader refuses them."""
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
        number = Decimal(repr(value))  # the exact value of the double has digits that nobody wrote
        rounded = number.quantize(Decimal(1).scaleb(-type_.scale), context=_EXACT)
        return f"{rounded if abs(rounded - number) <= abs(number) * _NOISE else number:f}"
    return repr(value)


def _moment(value: datetime, type_: ColumnType) -> str:
    if type_.kind is Kind.DATE and value == datetime.combine(value, time(), value.tzinfo):
        return value.date().isoformat()
    return value.isoformat()


def _length(value: timedelta, type_: ColumnType) -> str:
    """Return a duration, or a time of day for a column of times, because MySQL returns times as durations."""
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
"""The text form by class. The first match counts: a bool is an int, and a datetime is a date."""
