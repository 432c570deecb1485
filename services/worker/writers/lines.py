"""What the text formats share: a batch becomes one block of text, whose bytes go to the file as they lie in memory."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import BinaryIO, cast

import polars as pl
import pyarrow as pa

from services.contract.outcome import ExportWarning
from services.contract.spec import ColumnSpec
from services.worker.ports import Lines
from services.worker.writers.values import Cells, Losses

# Batches of 8,000 to 16,000 rows measured fastest: what a step makes still lies in the cache in the next one.
_ROWS_AT_ONCE = 16_384


def slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The rows of a batch in pieces of a bounded number of rows, none of them empty."""
    for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
        yield batch.slice(start, _ROWS_AT_ONCE)


def cells_of(batch: pa.RecordBatch, columns: tuple[ColumnSpec, ...], first_row: int) -> list[Cells]:
    """The columns of a batch, one a spec, by position."""
    arrays = zip(columns, batch.columns, strict=True)
    return [Cells(spec, pl.Series(pl.from_arrow(array)), first_row, array) for spec, array in arrays]


class LineWriter(ABC):
    """Writes rows that are each a piece of text of their own; a subclass says what the text is."""

    def __init__(self, file: BinaryIO, columns: tuple[ColumnSpec, ...], time_zone: str) -> None:
        self._file = file
        self._columns = columns
        self._time_zone = time_zone
        self._losses = Losses()
        self._rows_written = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows, in order."""
        for part in slices(batch):
            self._put(self._blocks(cells_of(part, self._columns, self._rows_written + 1)))
            self._rows_written += part.num_rows

    def append(self, lines: Lines) -> None:
        """Add rows that are what `write` would make of them."""
        self._file.write(lines.text)
        self._rows_written += lines.rows

    @abstractmethod
    def _blocks(self, cells: list[Cells]) -> list[memoryview]:
        """The UTF-8 of all the rows, one or more, with whatever stands between rows. It never changes afterwards."""

    def _put(self, blocks: list[memoryview]) -> None:
        for block in blocks:
            self._file.write(block)

    def close(self) -> None:  # noqa: B027 - most text formats have nothing to add at the end
        """Finish the file, which stays open."""

    @property
    def rows_written(self) -> int:
        """Rows encoded so far."""
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
