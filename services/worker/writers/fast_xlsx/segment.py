"""A segment: consecutive rows of one sheet as a piece of its deflated XML. Threads make them, each on its own."""

from dataclasses import dataclass

import pyarrow as pa

from services.contract.outcome import ExportWarning
from services.contract.spec import ColumnSpec
from services.worker.writers.fast_xlsx.quick import column_of
from services.worker.writers.fast_xlsx.rows import RowXml
from services.worker.writers.fast_xlsx.widths import values_width
from services.worker.writers.values import Losses
from services.worker.zip.content import Piece, piece


@dataclass(frozen=True, slots=True)
class Table:
    """What all segments of a table share."""

    columns: tuple[ColumnSpec, ...]
    time_zone: str
    xml: RowXml


@dataclass(frozen=True, slots=True)
class Place:
    """Where a segment goes: the number of its sheet, of its first row in that sheet and in the table, all from 1."""

    sheet: int
    sheet_row: int
    table_row: int


@dataclass(frozen=True, slots=True)
class Segment:
    """`rows` rows, encoded. `widths` is empty unless the table's first rows are in it."""

    piece: Piece
    place: Place
    rows: int
    warnings: list[ExportWarning]
    widths: tuple[int, ...]


def encode(table: Table, batch: pa.RecordBatch, place: Place) -> Segment:
    """The rows of a batch, one or more. Raises CannotWrite."""
    losses = Losses()
    arrays = zip(batch.columns, table.columns, strict=True)
    columns = [column_of(array, spec, place.table_row, table.time_zone, losses) for array, spec in arrays]
    widths = map(values_width, table.columns, columns) if place.table_row == 1 else ()
    xml = table.xml.rows(columns, place.sheet_row, batch.num_rows)
    return Segment(piece(*xml), place, batch.num_rows, losses.warnings(), tuple(widths))
