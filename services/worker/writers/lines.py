"""What the text formats share: a batch becomes one block of text, whose bytes go to the file as they lie in memory."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import polars as pl
import pyarrow as pa

from services.contract.outcome import ExportWarning
from services.contract.spec import ColumnSpec
from services.worker.concurrency.ordered_pool import OrderedPool
from services.worker.concurrency.threads import THREADS
from services.worker.ports import Lines
from services.worker.writers.values import Cells, Losses

_ROWS_AT_ONCE = 32_768
_BYTES_AT_ONCE = 8 << 20
_MIN_ROWS = 2_048
"""Fewer are encoded before another thread would have begun."""


def slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The rows of a batch in pieces of a bounded size, none of them empty."""
    row_bytes = batch.nbytes // max(1, batch.num_rows)
    rows = max(1, min(_ROWS_AT_ONCE, _BYTES_AT_ONCE // max(1, row_bytes)))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def cells_of(batch: pa.RecordBatch, columns: tuple[ColumnSpec, ...], first_row: int) -> list[Cells]:
    """The columns of a batch, one a spec, by position."""
    arrays = zip(columns, batch.columns, strict=True)
    return [Cells(spec, pl.Series(pl.from_arrow(array)), first_row, array) for spec, array in arrays]


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
            if part.num_rows < _MIN_ROWS:
                self._encoders.finish()
                self._put(self._encode(part, self._next_row))
            else:
                self._encoders.put(self._encode, part, self._next_row)
            self._next_row += part.num_rows

    def append(self, lines: Lines) -> None:
        """Add rows that are what `write` would make of them."""
        self._encoders.finish()
        self._file.write(lines.text)
        self._rows_written += lines.rows
        self._next_row += lines.rows

    def _encode(self, part: pa.RecordBatch, first_row: int) -> Block:
        losses = Losses()
        return Block(self._text(cells_of(part, self._columns, first_row), losses), part.num_rows, losses)

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
