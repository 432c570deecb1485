"""Dates and timestamps as ISO 8601.

Formatting a timestamp takes ten times as long as looking up its day and its second in tables, so tables are used where
the days are close enough together. If all rows have a value and the same zone, all texts have the same length, and
their bytes are assembled in one block.
"""

from functools import lru_cache
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

_SECOND_US = 1_000_000
_MINUTE_US = 60 * _SECOND_US
_DAY_S = 86_400
_DAY_US = _DAY_S * _SECOND_US
_OFFSETS = range(-24 * 60, 24 * 60 + 1)  # in minutes
_STRIDE = 1 << 12  # in days; tables begin and end at its multiples, so that few tables serve all batches
_MAX_DAYS = 1 << 16


def dates(values: pl.Series) -> pl.Series:
    """Return dates as `YYYY-MM-DD`. Years outside of 0 to 9999 have a sign and as many digits as they need."""
    texts = _dates(values.to_physical())
    return values.cast(pl.String) if texts is None else texts


def instants(values: pl.Series, time_zone: str) -> pl.Series:
    """Return timestamps in microseconds as ISO 8601 with the offset of `time_zone` (`Z` for UTC).

    They have 3 or 6 decimals of the second unless these are zero.
    """
    microseconds = values.cast(pl.Int64)
    if time_zone == "UTC":
        return _with_zone(microseconds, pl.Series(["Z"]))
    # Before zones were standardised, offsets had seconds, which ISO 8601 cannot express. The offset is cut to whole
    # minutes, and the time is moved accordingly, so that the instant stays the same.
    offsets = values.dt.convert_time_zone(time_zone).dt.replace_time_zone(None).to_physical() - microseconds
    minutes = offsets.abs() // _MINUTE_US * offsets.sign()
    return _with_zone(microseconds + minutes * _MINUTE_US, _zones().gather(minutes - _OFFSETS.start))


def local_times(values: pl.Series) -> pl.Series:
    """Return timestamps without a zone, with a space between date and time.

    They have 3 or 6 decimals of the second unless these are zero.
    """
    return _with_zone(values.cast(pl.Int64), pl.Series([""]), " ")


def _with_zone(microseconds: pl.Series, zones: pl.Series, between: str = "T") -> pl.Series:
    alike = _alike(microseconds, zones[0], between) if len(zones) == 1 and not microseconds.null_count() else None
    if alike is not None:
        return alike
    days = microseconds // _DAY_US
    in_day = microseconds - days * _DAY_US
    seconds = in_day // _SECOND_US
    day_texts = _dates(days) if (in_day == seconds * _SECOND_US).all() else None
    if day_texts is None:
        return _joined(microseconds.cast(pl.Datetime("us")).dt.to_string(f"%Y-%m-%d{between}%H:%M:%S%.f"), zones)
    return _joined(day_texts, _clock(between).gather(seconds), zones)


def _alike(microseconds: pl.Series, zone: str, between: str) -> pl.Series | None:
    """Return texts that all have the same length.

    None when their lengths differ or the days are too far apart for a table.
    """
    count, moments = len(microseconds), microseconds.to_numpy()
    seconds = moments // _SECOND_US
    if not count or not np.array_equal(seconds * _SECOND_US, moments):
        return None
    days = seconds // _DAY_S
    first, last = int(days.min()), int(days.max())
    start = first // _STRIDE * _STRIDE
    length = (last - start) // _STRIDE * _STRIDE + _STRIDE
    calendar = _calendar_block(start, length) if length <= _MAX_DAYS else None
    if calendar is None:
        return None
    clock = _clock_block(between, zone)
    texts = np.empty(count, [("day", calendar.dtype), ("clock", clock.dtype)])
    texts["day"] = calendar[days - start]
    texts["clock"] = clock[seconds - days * _DAY_S]
    ends = np.arange(0, (count + 1) * texts.itemsize, texts.itemsize)
    array = pa.LargeStringArray.from_buffers(count, pa.py_buffer(ends.data), pa.py_buffer(texts.data))
    return pl.Series(pl.from_arrow(array))


@lru_cache(maxsize=16)
def _calendar_block(start: int, length: int) -> npt.NDArray[Any] | None:
    """Return the days of `_calendar` as blocks of bytes; None when a year has a sign or more than four digits."""
    days = _calendar(start, length)
    return _block(days) if days.str.len_bytes().n_unique() == 1 else None


@lru_cache(maxsize=4)
def _clock_block(between: str, zone: str) -> npt.NDArray[Any]:
    return _block(_clock(between) + zone)


def _block(texts: pl.Series) -> npt.NDArray[Any]:
    """Return texts of equal length as items of that many bytes."""
    return np.frombuffer("".join(texts).encode(), f"V{len(texts[0].encode())}")


def _dates(days: pl.Series) -> pl.Series | None:
    """Return days since 1970-01-01 as text; None when they are too far apart for a table."""
    first, last = cast("int | None", days.min()), cast("int | None", days.max())
    if first is None or last is None:
        return pl.repeat(None, len(days), dtype=pl.String, eager=True)
    start = first // _STRIDE * _STRIDE
    length = (last - start) // _STRIDE * _STRIDE + _STRIDE
    return _calendar(start, length).gather(days - start) if length <= _MAX_DAYS else None


@lru_cache(maxsize=16)
def _calendar(start: int, length: int) -> pl.Series:
    return pl.int_range(start, start + length, dtype=pl.Int32, eager=True).cast(pl.Date).cast(pl.String)


@lru_cache(maxsize=2)
def _clock(between: str) -> pl.Series:
    """Return every second of a day as text, preceded by the separator."""
    seconds = pl.int_range(_DAY_S, eager=True) * _SECOND_US
    return seconds.cast(pl.Datetime("us")).dt.to_string(f"{between}%H:%M:%S")


@lru_cache(maxsize=1)
def _zones() -> pl.Series:
    """Return every offset from -24:00 to +24:00 in steps of a minute."""
    sizes = ((sign, *divmod(abs(minutes), 60)) for minutes in _OFFSETS for sign in "-+"[minutes >= 0])
    return pl.Series([f"{sign}{hours:02}:{minutes:02}" for sign, hours, minutes in sizes])


def _joined(*texts: pl.Series) -> pl.Series:
    return pl.select(pl.concat_str(*texts)).to_series()
