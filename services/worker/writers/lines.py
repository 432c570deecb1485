"""What the text formats share: a batch becomes one block of text, whose bytes go to the file as they lie in memory."""

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
"""Fewer are encoded before another thread would have begun."""


def slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The rows of a batch in pieces of a bounded size, none of them empty."""
    rows = _rows_at_once(batch.num_rows, batch.nbytes)
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _rows_at_once(rows: int, size: int) -> int:
    row_bytes = size // max(1, rows)
    return max(1, min(_ROWS_AT_ONCE, _BYTES_AT_ONCE // max(1, row_bytes)))


def cells_of(batch: pa.RecordBatch, columns: tuple[ColumnSpec, ...], first_row: int) -> list[Cells]:
    """The columns of a batch, one a spec, by position."""
    arrays = zip(columns, batch.columns, strict=True)
    return [Cells(spec, pl.Series(pl.from_arrow(array)), first_row, array) for spec, array in arrays]


def cells_of_frame(frame: pl.DataFrame, columns: tuple[ColumnSpec, ...], first_row: int) -> list[Cells]:
    """As `cells_of`; they have no array."""
    return [Cells(spec, values, first_row) for spec, values in zip(columns, frame, strict=True)]


CellsOf = Callable[[tuple[ColumnSpec, ...], int], list[Cells]]
"""The cells of some rows, by the specs of their columns and the number of the first row."""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows as text: UTF-8 with whatever stands between rows, which never changes afterwards."""

    text: list[memoryview]
    rows: int
    losses: Losses


class LineWriter(ABC):
    """Writes rows that are each a piece of text of their own; a subclass says what the text is.

    As many large batches as there are `threads` are encoded at the same time, and what is wrong with one is raised by a
    later call.
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
        """Add rows that polars has decoded."""
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
        """Add rows that are what `write` would make of them."""
        self._encoders.finish()
        self._file.write(lines.text)
        self._rows_written += lines.rows
        self._next_row += lines.rows

    def _encode(self, cells: CellsOf, rows: int, first_row: int) -> Block:
        losses = Losses()
        return Block(self._text(cells(self._columns, first_row), losses), rows, losses)

    @abstractmethod
    def _text(self, cells: list[Cells], losses: Losses) -> list[memoryview]:
        """The UTF-8 of all the rows, one or more. Called by several threads at a time."""

    def _put(self, block: Block) -> None:
        for text in block.text:
            self._file.write(text)
        self._rows_written += block.rows
        self._losses.add_all(block.losses)

    def close(self) -> None:
        """Finish the file, which stays open."""
        self._encoders.end()

    @property
    def rows_written(self) -> int:
        """Rows in the file so far."""
        return self._rows_written

    @property
    def warnings(self) -> list[ExportWarning]:
        """Values written differently, each kind with its count."""
        return self._losses.warnings()


def bytes_of(lines: pl.Series) -> memoryview:
    """The UTF-8 of all the texts, one after the other: the very buffer, no copy."""
    array = lines.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, content = array.buffers()
    ends = memoryview(cast("pa.Buffer", offsets)).cast("q")
    return memoryview(cast("pa.Buffer", content))[ends[array.offset] : ends[array.offset + len(array)]]
