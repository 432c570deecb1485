"""The rules per value for XLSX: the content and the type of a cell.

A serial is Excel's number for a moment: days since 1899-12-30, with the time of day as a fraction. Before 1900-03-01 it
is one less, because Excel counts a 29th of February 1900.
"""

from dataclasses import dataclass

import polars as pl

from services.contract.codes import FailureCode, WarningCode
from services.contract.spec import ColumnSpec, Kind
from services.worker.writers.values import Cells, Losses, finite, local_times, plain_text, refuse_far_dates
from services.worker.writers.xlsx.limits import MAX_CELL_UNITS, MAX_DIGITS

MS_PER_DAY = 86_400_000
EPOCH_SERIAL = 25_569  # 1970-01-01
_FIRST_SERIAL = 2  # 1900-01-01, before one is subtracted
MARCH_1900 = 61
LAST_SERIAL = 2_958_465  # 9999-12-31

_CONTROL = r"\x00-\x08\x0b\x0c\x0e-\x1f"
_ESCAPES = {chr(c): f"_x{c:04X}_" for c in range(0x20) if chr(c) not in "\t\n\r"}
_MARK = "\ufffe"  # cannot occur in texts to be escaped, as it has been replaced before
_LOOKALIKE = rf"_(x[0-9A-Fa-f]{{4}}[_{_MARK}{_CONTROL}])"

_FORMATS = {
    Kind.INTEGER: "0",
    Kind.DATE: "yyyy-mm-dd",
    Kind.TIME: "hh:mm:ss",
    Kind.TIMESTAMP: "yyyy-mm-dd hh:mm:ss",
    Kind.DURATION: "[h]:mm:ss",
}
_MAX_FORMAT_DECIMALS = 30
MOMENTS = frozenset({Kind.TIME, Kind.TIMESTAMP, Kind.DURATION})
"""Kinds whose number format shows milliseconds if a value of the column has any."""

TEXT_FORMAT = "@"
"""Number format of text cells. An edited cell stays text, including `00099` and `1E5`."""


@dataclass(frozen=True, slots=True)
class SheetCells:
    """One column of cells. `values` are the contents in the XML; null means no cell.

    Where `as_text` is true, the cell is text. Elsewhere it is a boolean in a boolean column and a number in others.
    """

    values: pl.Series
    as_text: pl.Series


def number_format(spec: ColumnSpec, *, milliseconds: bool = False) -> str:
    """Return the number format of a column's cells that are not text.

    Integers have no decimals, decimals have all of their scale. `milliseconds` adds milliseconds to the formats of
    moments.
    """
    if spec.type.kind is Kind.DECIMAL:
        return "0." + "0" * min(spec.type.scale, _MAX_FORMAT_DECIMALS) if spec.type.scale else "0"
    look = _FORMATS.get(spec.type.kind, "General")
    return f"{look}.000" if milliseconds and spec.type.kind in MOMENTS else look


def has_milliseconds(cells: Cells) -> bool:
    """Whether the number format of these cells must show fractions of a second."""
    if cells.spec.type.kind not in MOMENTS:
        return False
    # nanoseconds or microseconds in a millisecond: polars has times in nanoseconds
    unit = 1_000_000 if cells.spec.type.kind is Kind.TIME else 1_000
    return bool((cells.values.to_physical() // unit % 1000 != 0).any())


def sheet_cells(cells: Cells, time_zone: str, losses: Losses) -> SheetCells:
    """Return the cells of a column. Raises CannotWrite (TEXT_TOO_LONG) for a text that does not fit into a cell."""
    match cells.spec.type.kind:
        case Kind.BOOLEAN:
            return _plain(cells.values.cast(pl.Int8).cast(pl.String))
        case Kind.INTEGER | Kind.DECIMAL:
            return _number(cells, time_zone, losses)
        case Kind.FLOAT:
            return _plain(finite(cells.values, losses).cast(pl.String))
        case Kind.DATE | Kind.TIMESTAMP:
            return _date(cells, time_zone, losses)
        case Kind.TIME:
            return _plain(
                serial_text(whole_milliseconds(cells.values.to_physical() // 1000, losses))
            )  # from nanoseconds
        case Kind.DURATION:
            return _duration(cells, time_zone, losses)
        case Kind.TEXT | Kind.JSON | Kind.BINARY:
            text = plain_text(cells, time_zone, losses)
            return SheetCells(sheet_text(Cells(cells.spec, text, cells.first_row), losses), _always(text))


def sheet_text(cells: Cells, losses: Losses) -> pl.Series:
    """Return texts as the content of cells.

    Characters that XML forbids become `_xHHHH_` or are replaced, and text that looks like such an escape is escaped
    itself. Raises CannotWrite (TEXT_TOO_LONG) for texts of more than 32,767 UTF-16 units.
    """
    refuse_long(cells)
    text = _replaced(cells.values, losses)
    if text.str.contains(_LOOKALIKE).any():
        # An underscore may belong to two look-alikes, and one pass finds only every other one of a chain.
        for _ in range(2):
            text = text.str.replace_all(_LOOKALIKE, _MARK + "$1")
        text = text.str.replace_all(_MARK, "_x005F_", literal=True)
    if text.str.contains(f"[{_CONTROL}]").any():
        text = text.str.replace_many(list(_ESCAPES), list(_ESCAPES.values()))
    return text


def refuse_long(cells: Cells) -> None:
    """Raise CannotWrite (TEXT_TOO_LONG) for texts of more than 32,767 UTF-16 units."""
    suspects = cells.values.str.len_bytes() > MAX_CELL_UNITS
    if suspects.any():
        text = cells.values
        units = text.str.len_chars() + text.str.count_matches(r"[\x{10000}-\x{10FFFF}]")
        reason = f"the text is longer than the {MAX_CELL_UNITS:,} characters that a cell of Excel holds"
        cells.refuse(units > MAX_CELL_UNITS, FailureCode.TEXT_TOO_LONG, reason)


def _replaced(text: pl.Series, losses: Losses) -> pl.Series:
    forbidden = text.str.contains("[\ufffe\uffff]")
    losses.add(WarningCode.CHARACTER_REPLACED, int(forbidden.sum()))
    return text.str.replace_all("[\ufffe\uffff]", "\ufffd") if forbidden.any() else text


def _number(cells: Cells, time_zone: str, losses: Losses) -> SheetCells:
    text = plain_text(cells, time_zone, losses)
    digits = text.str.strip_chars_start("-")
    if cells.spec.type.scale:
        digits = digits.str.strip_chars_end("0").str.replace(".", "", literal=True)
    long = digits.str.strip_chars_start("0").str.len_bytes() > MAX_DIGITS
    losses.add(WarningCode.LONG_NUMBER_AS_TEXT, int(long.sum()))
    return SheetCells(text, long)


def _date(cells: Cells, time_zone: str, losses: Losses) -> SheetCells:
    refuse_far_dates(cells)
    whole_days = cells.spec.type.kind is Kind.DATE
    local = cells.values if whole_days else local_times(cells.values, time_zone)
    days = local.cast(pl.Date).to_physical().cast(pl.Int64) + EPOCH_SERIAL
    unknown = (days < _FIRST_SERIAL) | (days > LAST_SERIAL)
    losses.add(WarningCode.DATE_AS_TEXT, int(unknown.sum()))
    days -= (days < MARCH_1900).cast(pl.Int64)
    if whole_days:
        return _or_text(cells, days.cast(pl.String), unknown, time_zone)
    times = whole_milliseconds(local.to_physical().set(unknown, None), losses) % MS_PER_DAY
    return _or_text(cells, serial_text(days * MS_PER_DAY + times), unknown, time_zone)


def _duration(cells: Cells, time_zone: str, losses: Losses) -> SheetCells:
    microseconds = cells.values.to_physical()
    unknown = (microseconds < 0) | (microseconds >= (LAST_SERIAL + 1) * MS_PER_DAY * 1000)
    losses.add(WarningCode.DURATION_AS_TEXT, int(unknown.sum()))
    serials = serial_text(whole_milliseconds(microseconds.set(unknown, None), losses))
    return _or_text(cells, serials, unknown, time_zone)


def _or_text(cells: Cells, serials: pl.Series, as_text: pl.Series, time_zone: str) -> SheetCells:
    if not as_text.any():
        return SheetCells(serials, as_text)
    text = plain_text(cells, time_zone, Losses())
    return SheetCells(pl.select(pl.when(as_text).then(text).otherwise(serials)).to_series(), as_text)


def whole_milliseconds(microseconds: pl.Series, losses: Losses) -> pl.Series:
    """Return whole milliseconds, rounded down. Rounding up could turn the last moment of a day into the next day."""
    losses.add(WarningCode.FRACTION_CUT, int((microseconds % 1000 != 0).sum()))
    return microseconds // 1000


def serial_text(milliseconds: pl.Series) -> pl.Series:
    """Return milliseconds since Excel's day 0 as serials in text."""
    return (milliseconds / MS_PER_DAY).cast(pl.String)


def _plain(values: pl.Series) -> SheetCells:
    return SheetCells(values, pl.repeat(value=False, n=len(values), eager=True))


def _always(values: pl.Series) -> pl.Series:
    return pl.repeat(value=True, n=len(values), eager=True)
