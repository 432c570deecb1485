"""The rules per value: how the values of a column look as plain text, before a format quotes or escapes them.

All functions work on whole columns and never on single rows. Values that a rule changes are counted in `Losses`.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, cast

import polars as pl

from services.contract.codes import FailureCode, WarningCode
from services.contract.outcome import ExportWarning
from services.contract.spec import ColumnSpec, Kind
from services.worker.writers import iso_times

# polars supports the years -262143 to 262142 and aborts beyond them. Ten years are left for time zones and rounding.
_LAST_MICROSECOND = 8_210_000_000_000_000_000
_LAST_DAY = _LAST_MICROSECOND // 86_400_000_000


class CannotWrite(Exception):
    """The format cannot hold a value, and a retry does not help. `message` may be shown to callers."""

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


_LOSSES = {
    WarningCode.FLOAT_NOT_FINITE: "NaN or infinity: written as no value",
    WarningCode.INVALID_JSON_AS_TEXT: "not valid JSON: written as a JSON string",
    WarningCode.LONG_NUMBER_AS_TEXT: "numbers of more than 15 digits: written as text, with every digit",
    WarningCode.NULL_AS_EMPTY_LINE: (
        "rows of one null: empty lines, which many readers pass over; give a null_text to keep them"
    ),
    WarningCode.FORMULA_ESCAPED: (
        "texts that a spreadsheet would take for a formula: written with an apostrophe before them"
    ),
    WarningCode.DATE_AS_TEXT: (
        "dates before 1900-01-01 or after 9999-12-31, which Excel does not know: written as ISO 8601 text"
    ),
    WarningCode.DURATION_AS_TEXT: "durations that are negative or too long for Excel: written as ISO 8601 text",
    WarningCode.FRACTION_CUT: "fractions of a second: cut to milliseconds, the most that Excel keeps",
    WarningCode.CHARACTER_REPLACED: "texts with U+FFFE or U+FFFF, which XML forbids: those characters became U+FFFD",
}
"""The ways in which a value is written inexactly, with the text for callers."""


class Losses:
    """Counts the values that are not written exactly, by kind of loss."""

    def __init__(self) -> None:
        self.counts: Counter[WarningCode] = Counter()

    def add(self, loss: WarningCode, count: int) -> None:
        """Add `count` values. 0 adds no entry."""
        if count:
            self.counts[loss] += count

    def add_all(self, others: "Losses") -> None:
        """Add the counts of other losses."""
        for loss, count in others.counts.items():
            self.add(loss, count)

    def warnings(self) -> list[ExportWarning]:
        """Return one warning for each kind that occurred, in the order of the table."""
        return [ExportWarning(loss, text, self.counts[loss]) for loss, text in _LOSSES.items() if loss in self.counts]


@dataclass(frozen=True, slots=True)
class Cells:
    """Values of one column in consecutive rows of the table. `first_row` is the number of the first row, from 1.

    `array` is the pyarrow.Array that the values came in; None when there is none.
    """

    spec: ColumnSpec
    values: pl.Series
    first_row: int
    array: Any = None

    def refuse(self, wrong: pl.Series, code: FailureCode, reason: str) -> None:
        """Raise CannotWrite for the first row in which `wrong` is true. The message names the row and the column."""
        row = wrong.fill_null(value=False).arg_max() if wrong.any() else None
        if row is not None:
            raise CannotWrite(code, f"row {self.first_row + row}, column {self.spec.header}: {reason}")


def zoned_header(spec: ColumnSpec, time_zone: str) -> str:
    """Return the header of a column of local times. It names their zone, as the values do not."""
    return f"{spec.header} ({time_zone})" if spec.type.kind is Kind.TIMESTAMP else spec.header


def plain_text(cells: Cells, time_zone: str, losses: Losses) -> pl.Series:
    """Return the values as text. Null stays null.

    Text and JSON stay as they are. Integers and decimals have every digit, decimals with all digits of their scale.
    Floats have the shortest form that reads back bit for bit; NaN and infinity become null. Booleans are true or false.
    Binary is base64. Dates, times, timestamps and durations are ISO 8601, with 3 or 6 decimals of the second only where
    they are not zero; years outside of 0 to 9999 have a sign. Timestamps have the offset of `time_zone`, `Z` for UTC.
    Durations count days of 24 hours (`P1DT1H30M`), and negative ones begin with `-P`.
    """
    values = cells.values
    match cells.spec.type.kind:
        case Kind.TEXT | Kind.JSON:
            return values
        case Kind.FLOAT:
            return finite(values, losses).cast(pl.String)
        case Kind.BINARY:
            return values.bin.encode("base64")
        case Kind.DATE:
            refuse_far_dates(cells)
            return iso_times.dates(values)
        case Kind.TIME:
            return values.dt.to_string("%H:%M:%S%.f")
        case Kind.TIMESTAMP:
            refuse_far_dates(cells)
            return iso_times.instants(values, time_zone)
        case Kind.DURATION:
            return values.dt.to_string("iso")
        case Kind.INTEGER | Kind.DECIMAL | Kind.BOOLEAN:
            return values.cast(pl.String)


def local_time_text(cells: Cells, time_zone: str) -> pl.Series:
    """Return timestamps as local times of `time_zone`, such as `2026-08-27 22:04:42`.

    They have 3 or 6 decimals of the second unless these are zero.
    """
    refuse_far_dates(cells)
    return iso_times.local_times(local_times(cells.values, time_zone))


def finite(values: pl.Series, losses: Losses) -> pl.Series:
    """Replace NaN and infinity by null, and count them."""
    usable = values.is_finite()
    losses.add(WarningCode.FLOAT_NOT_FINITE, int((~usable).sum()))
    return values.set(~usable, None) if not usable.all() else values


def refuse_far_dates(cells: Cells) -> None:
    """Raise CannotWrite (DATE_OUT_OF_RANGE) for dates and timestamps outside of the years -258000 to 262000."""
    last = _LAST_DAY if cells.spec.type.kind is Kind.DATE else _LAST_MICROSECOND
    whole = cells.values.cast(pl.Int64)
    first, latest = whole.min(), whole.max()
    if first is None or latest is None or (-last <= cast("int", first) and cast("int", latest) <= last):
        return
    cells.refuse((whole > last) | (whole < -last), FailureCode.DATE_OUT_OF_RANGE, "the date lies too far from now")


def local_times(values: pl.Series, time_zone: str) -> pl.Series:
    """Return timestamps as local times of `time_zone`, without a zone."""
    return values.dt.convert_time_zone(time_zone).dt.replace_time_zone(None)
