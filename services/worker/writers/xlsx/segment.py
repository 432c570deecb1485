"""A segment: consecutive rows of one sheet, as a piece of its deflated XML. Threads make segments independently."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from services.contract.outcome import ExportWarning
from services.contract.spec import ColumnSpec
from services.worker.writers.values import Losses
from services.worker.writers.xlsx.quick import Column, column_of
from services.worker.writers.xlsx.rows import RowXml
from services.worker.writers.xlsx.shared import Share
from services.worker.writers.xlsx.widths import values_width
from services.worker.zip.content import WIDEST, Piece, piece

_ROWS_IN_SIGHT = 3
_NARROWEST = 11


@dataclass(frozen=True, slots=True)
class Table:
    """What all segments of a table share."""

    columns: tuple[ColumnSpec, ...]
    time_zone: str
    xml: RowXml


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a segment: the number of its sheet, and of its first row in the sheet and in the table.

    All count from 1.
    """

    sheet: int
    sheet_row: int
    table_row: int


@dataclass(frozen=True, slots=True)
class Segment:
    """`rows` encoded rows.

    `widths` is empty unless the segment has the table's first rows. `milliseconds` are the positions of columns with
    fractions of a second.
    """

    piece: Piece
    place: Place
    rows: int
    warnings: list[ExportWarning]
    widths: tuple[int, ...]
    milliseconds: frozenset[int]


def encode(table: Table, batch: pa.RecordBatch, place: Place, shares: Mapping[int, Share]) -> Segment:
    """Encode the rows of a batch, at least one. Columns in `shares` have only shared texts. Raises CannotWrite."""
    losses = Losses()

    def column(n: int, array: "pa.Array[Any]") -> Column:
        return column_of(array, table.columns[n], place.table_row, table.time_zone, losses)

    columns = [_shared(shares[n]) if n in shares else column(n, array) for n, array in enumerate(batch.columns)]
    widths = _widths(table.columns, columns, shares) if place.table_row == 1 else ()
    xml = table.xml.rows(columns, place.sheet_row, batch.num_rows)
    packed = piece(*xml, window=_window(sum(map(len, xml)) // batch.num_rows))
    milliseconds = frozenset(n for n, column in enumerate(columns) if column.milliseconds)
    return Segment(packed, place, batch.num_rows, losses.warnings(), widths, milliseconds)


def _window(row_bytes: int) -> int:
    """Return the deflate window for a few rows.

    Repetitions are found in the rows just before; a larger window takes a tenth more time and gains nothing.
    """
    return max(_NARROWEST, min(WIDEST, (_ROWS_IN_SIGHT * row_bytes).bit_length()))


def _shared(share: Share) -> Column:
    return Column(share.shown, as_text=True, shared=True)


def _widths(specs: tuple[ColumnSpec, ...], columns: list[Column], shares: Mapping[int, Share]) -> tuple[int, ...]:
    texts = [Column(shares[n].texts, as_text=True) if n in shares else column for n, column in enumerate(columns)]
    return tuple(map(values_width, specs, texts))
