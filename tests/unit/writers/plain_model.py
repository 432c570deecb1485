"""Reads the plain text of values back, by means that have nothing to do with the writers."""

import base64
import json
import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from services.contract.spec import Kind

_DURATION = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d+))?S)?)?")


def duration_of(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    assert match, text
    sign, days, hours, minutes, seconds, fraction = match.groups()
    size = timedelta(
        days=int(days or 0),
        hours=int(hours or 0),
        minutes=int(minutes or 0),
        seconds=int(seconds or 0),
        microseconds=int((fraction or "").ljust(6, "0")),
    )
    return -size if sign else size


PARSERS = {
    Kind.TEXT: str,
    Kind.INTEGER: int,
    Kind.DECIMAL: Decimal,
    Kind.FLOAT: float,
    Kind.BOOLEAN: {"true": True, "false": False}.__getitem__,
    Kind.DATE: date.fromisoformat,
    Kind.TIME: time.fromisoformat,
    Kind.TIMESTAMP: datetime.fromisoformat,
    Kind.DURATION: duration_of,
    Kind.JSON: str,
    Kind.BINARY: lambda text: base64.b64decode(text, validate=True),
}


def same(kind: Kind, found: object, expected: object) -> bool:
    """Whether a value that was read back is the one that was written, for floats bit by bit."""
    if isinstance(expected, float):
        if not math.isfinite(expected):
            return found is None
        return isinstance(found, float) and found.hex() == expected.hex()
    if kind is Kind.JSON and isinstance(expected, str) and not isinstance(found, str):
        return found == json.loads(expected)
    return found == expected
