"""The XLSX writer. It cuts batches into segments, threads encode them, and it writes them in order."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import BinaryIO

import polars as pl
import pyarrow as pa

from services.contract.codes import FailureCode
from services.contract.formats import XlsxLayout
from services.contract.outcome import ExportWarning
from services.contract.spec import ColumnSpec, Kind
from services.worker.concurrency.ordered_pool import OrderedPool
from services.worker.concurrency.threads import THREADS
from services.worker.schema import arrow_schema
from services.worker.writers.values import CannotWrite, Cells, Losses, zoned_header
from services.worker.writers.xlsx.book import Book
from services.worker.writers.xlsx.cells import refuse_long, sheet_text
from services.worker.writers.xlsx.limits import MAX_CELL_UNITS, MAX_SHEET_BYTES, MAX_SHEET_COLUMNS, MAX_SHEET_ROWS
from services.worker.writers.xlsx.long_text import LongText, without_long_text
from services.worker.writers.xlsx.rows import RowXml
from services.worker.writers.xlsx.segment import Place, Segment, Table, encode
from services.worker.writers.xlsx.shared import MIN_ROWS, Share, SharedTexts
from services.worker.writers.xlsx.sheet import SheetFrame
from services.worker.writers.xlsx.styles import styles_for

_IN_FLIGHT_A_THREAD = 2
_SEGMENT_ROWS = 16_384
_SEGMENT_BYTES = 10_000_000
_CELL_BYTES = 50  # of XML around a value


class XlsxWriter:
    """Writes a workbook whose sheets have the same columns.

    A full sheet is followed by another one that repeats the header. A sheet is full at `max_sheet_rows` rows (including
    the header), or a few segments (of about 10 MB) after `max_sheet_bytes` of XML. `file` must be seekable and empty,
    and stays open. `long_text` returns the cell's text for each text that does not fit into a cell; without it, such a
    text is refused. Repeated texts are shared from the first `share_from_rows` rows at once. `written_at` is the time
    of creation in the file; None means now.

    The writer's threads end with `close` or `abort`, or when the writer is garbage-collected.
    """

    def __init__(
        self,
        file: BinaryIO,
        columns: tuple[ColumnSpec, ...],
        table_name: str,
        time_zone: str,
        layout: XlsxLayout = XlsxLayout(),  # noqa: B008 - frozen
        *,
        long_text: LongText | None = None,
        max_sheet_rows: int = MAX_SHEET_ROWS,
        max_sheet_bytes: int = MAX_SHEET_BYTES,
        share_from_rows: int = MIN_ROWS,
        written_at: datetime | None = None,
        threads: int = THREADS,
    ) -> None:
        if len(columns) > MAX_SHEET_COLUMNS:
            raise CannotWrite(
                FailureCode.TOO_MANY_COLUMNS, f"a sheet of Excel holds {MAX_SHEET_COLUMNS:,} columns; choose fewer"
            )
        headers = _headers(columns, time_zone)
        styles = styles_for(columns)
        attributes = map(_attributes, columns, styles.columns)
        xml = RowXml(attributes, styles.text, compact=layout.compact)
        self._table = Table(columns, time_zone, xml)
        self._types = arrow_schema(columns).types
        self._book = Book(file, SheetFrame(headers, styles.header, layout), table_name, written_at, styles)
        self._shared = SharedTexts(columns, xml.shared_cells, share_from_rows)
        self._long_text = long_text
        self._max_rows = max_sheet_rows
        self._max_bytes = max_sheet_bytes
        self._next = Place(sheet=1, sheet_row=2, table_row=1)
        self._encoders: OrderedPool[Segment] = OrderedPool(
            threads, threads * _IN_FLIGHT_A_THREAD, self._book.add, "xlsx"
        )
        self._ended = False

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows, in order. They are encoded later, and their errors are raised by a later call.

        Raises ValueError at once if the schema is not `arrow_schema`, because text of another Arrow type would not be
        escaped.
        """
        self._refuse_when_ended()
        if batch.schema.types != self._types:
            raise ValueError(f"columns of {batch.schema.types} where {self._types} belong")
        if self._long_text is not None:
            batch = without_long_text(batch, self._table.columns, self._next.table_row, self._long_text)
        shares = self._shared.shares(batch) if batch.num_rows else {}
        rows_at_once = _rows_at_once(batch, shares)
        start = 0
        while start < batch.num_rows:
            self._make_room()
            rows = min(rows_at_once, batch.num_rows - start, self._max_rows + 1 - self._next.sheet_row)
            self._submit(batch.slice(start, rows), {n: share.slice(start, rows) for n, share in shares.items()})
            start += rows

    def close(self) -> None:
        """Wait for the segments in progress and finish the file, which stays open."""
        self._refuse_when_ended()
        self._taking(self._encoders.end)
        self._book.close(self._shared.texts, self._shared.count)
        self._ended = True

    def abort(self) -> None:
        """End the threads. What was written is not a workbook. Does nothing after `close`."""
        self._ended = True
        self._encoders.abandon()

    def __del__(self) -> None:
        with suppress(AttributeError):  # the constructor may have failed
            self.abort()

    @property
    def rows_written(self) -> int:
        """Number of rows in the file so far, without headers."""
        return self._book.rows_written

    @property
    def warnings(self) -> list[ExportWarning]:
        """Warnings about values that were not written exactly, one for each kind with its count."""
        return self._book.losses.warnings()

    def _make_room(self) -> None:
        """Wait until another segment may be in progress, and begin a new sheet if this one is full.

        Which segments have been written by then does not depend on the speed of the threads, so the file does not
        either.
        """
        self._taking(self._encoders.make_room)
        here = self._next
        if here.sheet_row > self._max_rows or self._book.bytes_of(here.sheet) >= self._max_bytes:
            self._next = Place(here.sheet + 1, 2, here.table_row)

    def _submit(self, rows: pa.RecordBatch, shares: dict[int, Share]) -> None:
        here = self._next
        self._encoders.put(encode, self._table, rows, here, shares)
        self._next = Place(here.sheet, here.sheet_row + rows.num_rows, here.table_row + rows.num_rows)

    def _taking(self, segments: Callable[[], None]) -> None:
        try:
            segments()
        except BaseException:
            self.abort()  # rows are missing, so the file must not become a workbook
            raise

    def _refuse_when_ended(self) -> None:
        if self._ended:
            raise ValueError("the writer has ended")


def _rows_at_once(batch: pa.RecordBatch, shares: Mapping[int, Share]) -> int:
    """Return the rows of a segment: about the number that measured fastest, or fewer if rows are wide.

    All segments of a batch have nearly as many rows, because each takes a millisecond however few it has.
    """
    own_bytes = sum(column.nbytes for n, column in enumerate(batch.columns) if n not in shares)
    row_bytes = batch.num_columns * _CELL_BYTES + own_bytes // max(1, batch.num_rows)
    most = max(1, min(_SEGMENT_ROWS, _SEGMENT_BYTES // max(1, row_bytes)))
    return -(-batch.num_rows // max(1, -(-batch.num_rows // most)))


def _attributes(spec: ColumnSpec, style: int) -> str:
    attributes = f' s="{style}"' if style else ""
    return f'{attributes} t="b"' if spec.type.kind is Kind.BOOLEAN else attributes


def _headers(columns: Sequence[ColumnSpec], time_zone: str) -> tuple[str, ...]:
    """Return the headers as the content of cells, made in one step because a sheet may have thousands.

    Raises CannotWrite (TEXT_TOO_LONG).
    """
    texts = [zoned_header(spec, time_zone) for spec in columns]
    for spec, text in zip(columns, texts, strict=True):
        if 2 * len(text) > MAX_CELL_UNITS:
            refuse_long(Cells(spec, pl.Series([text]), 0))
    return tuple(sheet_text(Cells(columns[0], pl.Series(texts, dtype=pl.String), 0), Losses())) if texts else ()
