"""Values in queries: parses text as a value of a column's type, and writes a value in its canonical spelling."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from math import isfinite

from services.api.catalog.violations import Refused
from services.contract.spec import ColumnType, Kind, Value
from services.runtime.nearest import shown

INT64 = range(-(2**63), 2**63)
MAX_DIGITS = 38  # before and after the point each: with as many digits of a column, 256-bit decimals suffice

# Only ASCII digits are allowed: int() and others would also accept other digits, spaces and underscores.
_INTEGER = re.compile(r"([+-]?)([0-9]+)")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_BARE_DATE = re.compile(rf"{_DATE.pattern}[Zz]?")
_TIMESTAMP = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"([Tt ](?P<time>[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.(?P<fraction>[0-9]+))?)?))?"
    r"((?P<utc>[Zz])|(?(time)(?P<sign>[+ -])(?P<offset>[0-9]{2}:[0-9]{2})))?"
)
_MICROSECONDS = 6


def read_value(type_: ColumnType, text: str, time_zone: tzinfo) -> Value:
    """Return the value of the decoded text. Times are returned in UTC; those without an offset are in `time_zone`.

    Raises Refused if the text is not a value of the type.
    """
    if type_.kind is Kind.TIMESTAMP:
        return _timestamp(text, time_zone)
    return _READERS[type_.kind](text)


def is_bare_date(text: str) -> bool:
    """Whether the text is a date without a time, in UTC or in the time zone of the request."""
    return _BARE_DATE.fullmatch(text) is not None


def write_value(value: Value) -> str:
    """Return the canonical text of a value, which `read_value` turns into the same value.

    Equal values have equal texts.
    """
    match value:
        case bool():
            return str(value).lower()
        case Decimal():
            return _plain(value)
        case datetime():
            return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
        case date():
            return value.isoformat()
        case _:
            return str(value)


def _text(text: str) -> str:
    if "\x00" in text:
        raise Refused("a text cannot contain the character NUL")  # no database accepts it in a parameter
    return text


def _integer(text: str) -> int:
    match = _INTEGER.fullmatch(text)
    if not match:
        raise _not_a(text, "an integer such as 42")
    sign, digits = match[1], match[2].lstrip("0") or "0"
    if len(digits) > len(str(INT64.stop)) or (value := int(sign + digits)) not in INT64:
        raise Refused(f"{shown(text)} is outside of {INT64.start} to {INT64.stop - 1}")
    return value


def _decimal(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise _not_a(text, "a decimal number such as 12.99")
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    if value.adjusted() >= MAX_DIGITS or not isinstance(exponent, int) or -exponent > MAX_DIGITS:
        raise Refused(f"{shown(text)} has more than {MAX_DIGITS} digits before or after the point")
    return Decimal(_plain(value))


def _plain(value: Decimal) -> str:
    """Return the number without an exponent, trailing zeros and a sign of zero."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


def _float(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise _not_a(text, "a number such as 12.99")
    value = float(text)
    if not isfinite(value):
        raise Refused(f"{shown(text)} is too large for a float")
    return value + 0.0  # turns -0.0 into 0.0


def _boolean(text: str) -> bool:
    if text not in _BOOLEANS:
        raise _not_a(text, f"one of {', '.join(_BOOLEANS)}")
    return _BOOLEANS[text]


def _date(text: str) -> date:
    if not _DATE.fullmatch(text):
        raise _not_a(text, "a date such as 2026-01-31")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text} is not in the calendar") from None


def _timestamp(text: str, time_zone: tzinfo) -> datetime:
    match = _TIMESTAMP.fullmatch(text)
    if not match:
        raise _not_a(text, "a date or a time such as 2026-01-31 or 2026-01-31T10:30:00Z")
    if len(match["fraction"] or "") > _MICROSECONDS:
        raise Refused(f"{shown(text)} is finer than a microsecond; give at most {_MICROSECONDS} digits of a second")
    try:
        moment = datetime.fromisoformat(f"{match['day']}T{match['time'] or '00:00'}{_offset(match)}")
        return (moment if moment.tzinfo else moment.replace(tzinfo=time_zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(f"{shown(text)} is not in the calendar or not a time of day") from None


def _offset(match: re.Match[str]) -> str:
    """Return the offset.

    A space in its place is read as "+", which means a space in a query and is often not encoded.
    """
    if match["utc"]:
        return "+00:00"
    return (match["sign"] or "").replace(" ", "+") + (match["offset"] or "")


def _not_a(text: str, what: str) -> Refused:
    return Refused(f"{shown(text) or 'an empty value'} is not {what}")


_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}

_READERS: dict[Kind, Callable[[str], Value]] = {
    Kind.TEXT: _text,
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _decimal,
    Kind.FLOAT: _float,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
}

FILTERABLE = frozenset({*_READERS, Kind.TIMESTAMP})
"""Kinds of columns that queries can compare with a value."""
