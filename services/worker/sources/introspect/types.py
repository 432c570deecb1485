"""Types of the catalog that fit texts: for CSV files and for columns whose type a database leaves open."""

import json
import re
from collections.abc import Callable, Collection
from datetime import date, datetime, time
from typing import Any

from services.contract.spec import ColumnType, Kind

MAX_DIGITS = 38
INT64 = range(-(2**63), 2**63)
_MAX_DECIMALS = 10
_NUMBER = re.compile(r"-?(\d+)(?:\.(\d+))?")
_INTEGER = re.compile(r"0|-?[1-9]\d*")
_REAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d\d:\d\d(:\d\d(\.\d{1,6})?)?")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?)?")


def decimal_of(numbers: Collection[str]) -> ColumnType | None:
    """Return the decimal that holds all of these numbers.

    None without numbers, for a text that is not a number, and for more than ten decimals.
    """
    matches = [_NUMBER.fullmatch(number) for number in numbers]
    parts = [(len(number[1].lstrip("0")), _decimals(number[2] or "")) for number in matches if number]
    if not parts or len(parts) < len(matches):
        return None
    whole, scale = max(whole for whole, _ in parts), max(decimals for _, decimals in parts)
    fits = scale <= _MAX_DECIMALS and whole + scale <= MAX_DIGITS
    return ColumnType(Kind.DECIMAL, MAX_DIGITS, scale) if fits else None


def _decimals(fraction: str) -> int:
    """Count the decimals. Trailing zeros count as long as there are at most ten decimals: 9.90 is a price."""
    return len(fraction) if len(fraction) <= _MAX_DECIMALS else len(fraction.rstrip("0"))


def is_integer(text: str) -> bool:
    """Whether the text is an integer of 64 bits. Text that begins with a zero is a code, not a number."""
    return _INTEGER.fullmatch(text) is not None and int(text) in INT64


def is_date(text: str) -> bool:
    """Whether the text is a date of the calendar as `YYYY-MM-DD`."""
    return _DATE.fullmatch(text) is not None and _reads(date.fromisoformat, text)


def is_time(text: str) -> bool:
    """Whether the text is a time as `HH:MM[:SS[.ffffff]]`, before 24:00."""
    return _TIME.fullmatch(text) is not None and _reads(time.fromisoformat, text)


def is_timestamp(text: str) -> bool:
    """Whether the text is a date, or a date and a time, with or without a zone."""
    return _TIMESTAMP.fullmatch(text) is not None and _reads(_moment, text)


def is_json(text: str) -> bool:
    """Whether the text is a JSON object or list. Single texts and numbers are JSON too, but rarely meant as such."""
    return text.lstrip()[:1] in ("{", "[") and _reads(_json, text)


def type_of_texts(texts: Collection[str]) -> ColumnType:
    """Return the narrowest type that fits all texts; text when there are none."""
    for kind, fits in _BY_TEXT:
        if texts and all(map(fits, texts)):
            return ColumnType(kind)
    if not texts or not all(map(_REAL.fullmatch, texts)):
        return ColumnType(Kind.TEXT)
    whole = all(map(_INTEGER.fullmatch, texts))  # as a float, a long integer would lose digits
    return decimal_of(texts) or ColumnType(Kind.TEXT if whole else Kind.FLOAT)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))


def _json(text: str) -> object:
    return json.loads(text, parse_constant=_refused)


def _refused(constant: str) -> object:
    raise ValueError(constant)


def _reads(read: Callable[[str], Any], text: str) -> bool:
    try:
        read(text)
    except (ValueError, RecursionError):
        return False
    return True


_BY_TEXT: tuple[tuple[Kind, Callable[[str], bool]], ...] = (
    (Kind.BOOLEAN, lambda text: text.lower() in ("true", "false")),
    (Kind.INTEGER, is_integer),
    (Kind.DATE, is_date),
    (Kind.TIMESTAMP, is_timestamp),
    (Kind.TIME, is_time),
    (Kind.JSON, is_json),
)
