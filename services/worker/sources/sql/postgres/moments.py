"""Values of PostgreSQL that Arrow does not have: infinity, 24:00, and years beyond 64 bits of microseconds.

ADBC returns a number for each: 24:00 is the microsecond after the last one of a day, and values beyond the greatest
number wrap around to numbers before 4714 BC, where PostgreSQL has no values.
"""

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute

from services.contract.spec import Kind
from services.worker.sources.rows.invalid import with_invalid

pc: Any = pyarrow.compute

_FIRST_DAY = -2_440_588
_DAY_US = 86_400_000_000
_EPOCH_DAYS = 10_957
"""Days from 1970 to 2000, where PostgreSQL begins to count."""
_CYCLE_DAYS, _CYCLE_YEARS = 146_097, 400


def with_moments(array: Any, kind: Kind) -> Any:
    """Return a column of ADBC with the texts of the values that Arrow does not have."""
    numbers = _numbers(array, kind)
    if numbers is None:
        return array
    wrong = pc.greater_equal(numbers, _DAY_US) if pa.types.is_time(array.type) else pc.less(numbers, _first(array.type))
    if not pc.any(wrong).as_py():
        return array
    rows = pc.fill_null(wrong, fill_value=False)
    texts = [_text(n, array.type) if is_wrong else None for n, is_wrong in zip(numbers, rows.to_pylist(), strict=True)]
    return with_invalid(pc.if_else(rows, pa.scalar(None, array.type), array), texts)


def _numbers(array: Any, kind: Kind) -> Any:
    if pa.types.is_timestamp(array.type) or (pa.types.is_time(array.type) and kind is Kind.TIME):
        return array.view(pa.int64())
    return array.view(pa.int32()) if pa.types.is_date32(array.type) else None


def _first(type_: pa.DataType) -> int:
    return _FIRST_DAY if pa.types.is_date32(type_) else _FIRST_DAY * _DAY_US


def _text(number: Any, type_: pa.DataType) -> str:
    if pa.types.is_time(type_):
        return "24:00:00"
    bits, unit = (32, 1) if pa.types.is_date32(type_) else (64, _DAY_US)
    stored = (number.as_py() - _EPOCH_DAYS * unit + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)
    if stored in (-(1 << bits - 1), (1 << bits - 1) - 1):
        return "infinity" if stored > 0 else "-infinity"
    days, rest = divmod(stored + _EPOCH_DAYS * unit, unit)
    time = f" {timedelta(microseconds=rest)}" if unit > 1 else ""
    return f"{_day(days)}{time}"


def _day(days: int) -> str:
    """Format days since 1970 as a date of any year."""
    cycles, rest = divmod(days + date(1970, 1, 1).toordinal() - 1, _CYCLE_DAYS)
    day = date.fromordinal(rest + 1)
    return f"{day.year + cycles * _CYCLE_YEARS}-{day:%m-%d}"
