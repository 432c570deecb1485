"""Types of the catalog that fit values which are texts: of CSV files, and of what a database leaves open."""

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
    """The decimal that holds all of these; None for none, for what is no number, or for over ten decimals."""
    matches = [_NUMBER.fullmatch(number) for number in numbers]
    parts = [(len(number[1].lstrip("0")), _decimals(number[2] or "")) for number in matches if number]
    if not parts or len(parts) < len(matches):
        return None
    whole, scale = max(whole for whole, _ in parts), max(decimals for _, decimals in parts)
    fits = scale <= _MAX_DECIMALS and whole + scale <= MAX_DIGITS
    return ColumnType(Kind.DECIMAL, MAX_DIGITS, scale) if fits else None


def _decimals(fraction: str) -> int:
    """How many, the last zeros being counted as long as they are few: 9.90 is a price."""
    return len(fraction) if len(fraction) <= _MAX_DECIMALS else len(fraction.rstrip("0"))


def is_integer(text: str) -> bool:
    """Of 64 bits, and written as a number is: what begins with zeros is a code."""
    return _INTEGER.fullmatch(text) is not None and int(text) in INT64


def is_date(text: str) -> bool:
    """`YYYY-MM-DD`, and in the calendar."""
    return _DATE.fullmatch(text) is not None and _reads(date.fromisoformat, text)


def is_time(text: str) -> bool:
    """`HH:MM[:SS[.ffffff]]`, before 24:00."""
    return _TIME.fullmatch(text) is not None and _reads(time.fromisoformat, text)


def is_timestamp(text: str) -> bool:
    """A date, or one with a time, with a zone or without."""
    return _TIMESTAMP.fullmatch(text) is not None and _reads(_moment, text)


def is_json(text: str) -> bool:
    """An object or a list: texts and numbers alone are JSON as well, and rarely meant so."""
    return text.lstrip()[:1] in ("{", "[") and _reads(_json, text)


def type_of_texts(texts: Collection[str]) -> ColumnType:
    """The narrowest type that all of them are of; text when there are none."""
    for kind, fits in _BY_TEXT:
        if texts and all(map(fits, texts)):
            return ColumnType(kind)
    if not texts or not all(map(_REAL.fullmatch, texts)):
        return ColumnType(Kind.TEXT)
    whole = all(map(_INTEGER.fullmatch, texts))  # a long number loses digits as a float
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
