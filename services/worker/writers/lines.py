"""The common part of the text formats.

A batch is encoded to one block of text, and its bytes are written without a copy.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, cast

import polars as pl
import pyarrow as pa

from services.contract.outcome import ExportWarning
from services.contract.spec import ColumnSpec
from services.worker.concurrency.ordered_pool import OrderedPool
from services.worker.concurrency.threads import THREADS
from services.worker.ports import Frame, Lines
from services.worker.writers.values import Cells, Losses

_ROWS_AT_ONCE = 32_768
_BYTES_AT_ONCE = 8 << 20
_MIN_ROWS = 2_048
"""Fewer rows are encoded sooner than a thread could begin."""


def slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a batch in slices of limited size, none of them empty."""
    rows = _rows_at_once(batch.num_rows, batch.nbytes)
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _rows_at_once(rows: int, size: int) -> int:
    row_bytes = size // max(1, rows)
    return max(1, min(_ROWS_AT_ONCE, _BYTES_AT_ONCE // max(1, row_bytes)))


def cells_of(batch: pa.RecordBatch, columns: tuple[ColumnSpec, ...], first_row: int) -> list[Cells]:
    """Return the columns of a batch as cells, by position."""
    arrays = zip(columns, batch.columns, strict=True)
    return [Cells(spec, pl.Series(pl.from_arrow(array)), first_row, array) for spec, array in arrays]


def cells_of_frame(frame: pl.DataFrame, columns: tuple[ColumnSpec, ...], first_row: int) -> list[Cells]:
    """Like `cells_of`, for a frame. The cells have no Arrow array."""
    return [Cells(spec, values, first_row) for spec, values in zip(columns, frame, strict=True)]


CellsOf = Callable[[tuple[ColumnSpec, ...], int], list[Cells]]
"""Returns the cells of some rows, given the specs of their columns and the number of the first row."""


@dataclass(frozen=True, slots=True)
class Block:
    """Encoded rows: UTF-8 text including the separators between rows. It does not change afterwards."""

    text: list[memoryview]
    rows: int
    losses: Losses


class LineWriter(ABC):
    """Writes rows whose texts are independent of each other. A subclass produces the text.

    Up to `threads` large batches are encoded at the same time. The error of a batch is raised by a later call.
    """

    def __init__(
        self, file: BinaryIO, columns: tuple[ColumnSpec, ...], time_zone: str, *, threads: int = THREADS
    ) -> None:
        self._file = file
        self._columns = columns
        self._time_zone = time_zone
        self._losses = Losses()
        self._next_row = 1
        self._rows_written = 0
        self._encoders: OrderedPool[Block] = OrderedPool(threads, threads, self._put, "lines")

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows, in order."""
        for part in slices(batch):
            self._add(partial(cells_of, part), part.num_rows)

    def write_frame(self, frame: Frame) -> None:
        """Add rows of a polars frame."""
        rows = _rows_at_once(frame.columns.height, frame.nbytes)
        for start in range(0, frame.columns.height, rows):
            part = frame.columns.slice(start, rows)
            self._add(partial(cells_of_frame, part), part.height)

    def _add(self, cells: CellsOf, rows: int) -> None:
        if rows < _MIN_ROWS:
            self._encoders.finish()
            self._put(self._encode(cells, rows, self._next_row))
        else:
            self._encoders.put(self._encode, cells, rows, self._next_row)
        self._next_row += rows

    def append(self, lines: Lines) -> None:
        """Add rows that are already encoded exactly as `write` would encode them."""
        self._encoders.finish()
        self._file.write(lines.text)
        self._rows_written += lines.rows
        self._next_row += lines.rows

    def _encode(self, cells: CellsOf, rows: int, first_row: int) -> Block:
        losses = Losses()
        return Block(self._text(cells(self._columns, first_row), losses), rows, losses)

    @abstractmethod
    def _text(self, cells: list[Cells], losses: Losses) -> list[memoryview]:
        """Return the UTF-8 text of all rows, of which there is at least one.

        Called by several threads at the same time.
        """

    def _put(self, block: Block) -> None:
        for text in block.text:
            self._file.write(text)
        self._rows_written += block.rows
        self._losses.add_all(block.losses)

    def close(self) -> None:
        """Finish the rows. The file stays open."""
        self._encoders.end()

    @property
    def rows_written(self) -> int:
        """Number of rows in the file so far."""
        return self._rows_written

    @property
    def warnings(self) -> list[ExportWarning]:
        """Warnings about values that were not written exactly, one for each kind with its count."""
        return self._losses.warnings()


def bytes_of(lines: pl.Series) -> memoryview:
    """Return the UTF-8 bytes of all texts, one after the other, without a copy."""
    array = lines.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, content = array.buffers()
    ends = memoryview(cast("pa.Buffer", offsets)).cast("q")
    return memoryview(cast("pa.Buffer", content))[ends[array.offset] : ends[array.offset + len(array)]]
