"""Makes the cells of a column as `cells` does, but skips steps that do not change anything."""

from dataclasses import dataclass, replace
from typing import Any

import polars as pl
import pyarrow as pa

from services.contract.spec import ColumnSpec, Kind
from services.worker.writers.values import Cells, Losses, local_times, plain_text
from services.worker.writers.xlsx.cells import (
    EPOCH_SERIAL,
    LAST_SERIAL,
    MARCH_1900,
    MS_PER_DAY,
    has_milliseconds,
    serial_text,
    sheet_cells,
    sheet_text,
    whole_milliseconds,
)
from services.worker.writers.xlsx.limits import MAX_CELL_UNITS, MAX_DIGITS
from services.worker.writers.xlsx.scan import scan

_LONG = 10**MAX_DIGITS
_US_PER_DAY = MS_PER_DAY * 1000
# Days since 1970-01-01. Timestamps keep a distance of one day, as their time zone moves them.
_FIRST_DAY = MARCH_1900 - EPOCH_SERIAL
_LAST_DAY = LAST_SERIAL - EPOCH_SERIAL


@dataclass(frozen=True, slots=True)
class Column:
    """Cells of one column in consecutive rows. `values` are the contents of cells; null means no cell.

    `as_text` says which cells are text: all, none, or those where it is true. `markup`: values may need escapes in XML.
    `edges`: values may begin or end with white space. `shared`: values are the XML of cells with shared texts.
    `milliseconds`: some moments have a fraction of a second.
    """

    values: pl.Series
    as_text: pl.Series | bool
    markup: bool = False
    edges: bool = False
    shared: bool = False
    milliseconds: bool = False


def column_of(array: "pa.Array[Any]", spec: ColumnSpec, first_row: int, time_zone: str, losses: Losses) -> Column:
    """Return the cells of a column of its spec's Arrow type, or of text if binary has been converted before.

    `first_row` is the number of its first row in the table, from 1. Raises CannotWrite as `cells.sheet_cells` does.
    """
    cells = Cells(spec, pl.Series(pl.from_arrow(array)), first_row)
    if isinstance(array, pa.LargeStringArray):
        return _texts(array, cells, losses)
    quick = _quick(cells, time_zone, losses)
    column = Column(quick, as_text=False) if quick is not None else _careful(cells, time_zone, losses)
    return replace(column, milliseconds=True) if has_milliseconds(cells) else column


def _texts(array: pa.LargeStringArray, cells: Cells, losses: Losses) -> Column:
    traits = scan(array)
    usual = not traits.unusual and traits.longest <= MAX_CELL_UNITS
    values = cells.values if usual else sheet_text(cells, losses)
    return Column(values, as_text=True, markup=traits.markup, edges=traits.edges)


def _quick(cells: Cells, time_zone: str, losses: Losses) -> pl.Series | None:
    match cells.spec.type.kind:
        case Kind.INTEGER if _within(cells.values, -_LONG + 1, _LONG - 1):
            return plain_text(cells, time_zone, losses)
        case Kind.DECIMAL if _within(cells.values.to_physical(), -_LONG + 1, _LONG - 1):
            return plain_text(cells, time_zone, losses)
        case Kind.DATE if _within(days := cells.values.to_physical(), _FIRST_DAY, _LAST_DAY):
            return (days + EPOCH_SERIAL).cast(pl.String)
        case Kind.TIMESTAMP if _within(
            cells.values.to_physical(), (_FIRST_DAY + 1) * _US_PER_DAY, (_LAST_DAY - 1) * _US_PER_DAY
        ):
            local = cells.values if time_zone == "UTC" else local_times(cells.values, time_zone)
            return serial_text(whole_milliseconds(local.to_physical(), losses) + EPOCH_SERIAL * MS_PER_DAY)
        case _:
            return None


def _within(whole: pl.Series, least: int, most: int) -> bool:
    low, high = whole.min(), whole.max()
    return low is None or (least <= int(low) and int(high) <= most)  # type: ignore[arg-type]


def _careful(cells: Cells, time_zone: str, losses: Losses) -> Column:
    done = sheet_cells(cells, time_zone, losses)
    if done.as_text.all():  # also when all values are null
        return Column(done.values, as_text=True)
    return Column(done.values, as_text=done.as_text if done.as_text.any() else False)
