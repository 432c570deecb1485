"""Python objects of a database's driver as text that parse.py reads."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import orjson

from services.contract.spec import ColumnType, Kind

_NOISE = 1e-14
"""Share of a real within which it stands for a decimal."""
_MIDNIGHT = datetime(1, 1, 1, tzinfo=UTC)


def as_text(value: Any, type_: ColumnType) -> str | bytes | None:
    """The text of a value for a column of this type; bytes for binary; None is null."""
    if value is None:
        return None
    if type_.kind is Kind.BINARY:
        return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else str(value).encode()
    if type_.kind is Kind.JSON and not isinstance(value, str):
        return orjson.dumps(value, default=str).decode()
    for python, text in _TEXTS:
        if isinstance(value, python):
            return text(value, type_)
    return str(value)


def _boolean(value: bool, type_: ColumnType) -> str:
    return str(int(value)) if type_.kind is Kind.INTEGER else str(value).lower()


def _decimal(value: Decimal, type_: ColumnType) -> str:
    if type_.kind is Kind.INTEGER and value == value.to_integral_value():
        return str(int(value))
    return format(value, "f")


def _float(value: float, type_: ColumnType) -> str:
    if type_.kind is Kind.INTEGER and value.is_integer():
        return str(int(value))
    if type_.kind is Kind.DECIMAL and abs(round(value, type_.scale) - value) <= abs(value) * _NOISE:
        return f"{value:.{type_.scale}f}"
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
    (bool, _boolean),
    (Decimal, _decimal),
    (float, _float),
    (datetime, _moment),
    (date, lambda value, _: value.isoformat()),
    (time, lambda value, _: value.isoformat()),
    (timedelta, _length),
    (bytes, _bytes),
)
"""How a value of each type is written; the first that fits: a bool is an int, a datetime is a date."""
