"""Parquet with zstd, statistics, and dictionaries for repeated values. Dots in fields make structs."""

from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from services.contract.outcome import ExportWarning
from services.contract.spec import ColumnSpec, Kind
from services.worker.schema import arrow_type
from services.worker.writers.json import Tree, field_tree

pc: Any = pyarrow.compute

GROUP_ROWS = 131_072
GROUP_BYTES = 64 << 20
"""Limit of a row group's size in memory. With wide rows, a group has fewer rows."""

_SAMPLE_ROWS = 16_384
_MIN_SAMPLE_ROWS = 1_024
"""A smaller sample says nothing, and its dictionaries cost nothing."""
_MAX_DIFFERENT = 0.25
"""Largest share of different values for which a column gets a dictionary."""

_NARROW = {Kind.TEXT: pa.string(), Kind.JSON: pa.string(), Kind.BINARY: pa.binary()}


class ParquetWriter:
    """Writes row groups of `GROUP_ROWS` rows, or of about `group_bytes` bytes if that is less.

    The first group decides which columns get a dictionary. A dictionary of values that are all different takes a third
    of the time and makes the file larger.

    Values keep their types. Text and JSON are strings, timestamps are microseconds in UTC. Durations are durations for
    readers that know Arrow's schema, and microseconds as int64 for others.
    """

    def __init__(self, file: BinaryIO, columns: tuple[ColumnSpec, ...], group_bytes: int = GROUP_BYTES) -> None:
        self._group_bytes = group_bytes
        self._flat = pa.schema([pa.field(c.field, _NARROW.get(c.type.kind, arrow_type(c.type))) for c in columns])
        self._tree = field_tree(tuple(c.field for c in columns))
        self._finished: list[pq.FileMetaData] = []
        self._file = file
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._rows_written = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows, in order. They are kept until they fill a row group."""
        while batch.num_rows:
            part = batch.slice(0, GROUP_ROWS - self._waiting_rows)
            batch = batch.slice(part.num_rows)
            self._waiting.append(part)
            self._waiting_rows += part.num_rows
            self._waiting_bytes += part.nbytes
            if self._waiting_rows >= GROUP_ROWS or self._waiting_bytes >= self._group_bytes:
                self._end_group()

    def close(self) -> None:
        """Write the last row group and the footer."""
        if self._waiting:
            self._end_group()
        self._opened(self._flat.empty_table()).close()
        self._rows_written = self._finished[0].num_rows

    @property
    def rows_written(self) -> int:
        """Number of rows in finished row groups; after `close`, the number in the file's own metadata."""
        return self._rows_written

    @property
    def warnings(self) -> list[ExportWarning]:
        """Always empty: every value is written exactly."""
        return []

    def _end_group(self) -> None:
        rows = pa.Table.from_batches(self._waiting)
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0
        table = rows.rename_columns(self._flat.names).cast(self._flat)
        self._opened(table).write_table(_structured(table, self._tree), row_group_size=GROUP_ROWS)
        self._rows_written += rows.num_rows
        pa.default_memory_pool().release_unused()  # the next group needs as much memory, perhaps from another allocator

    def _opened(self, first: pa.Table) -> pq.ParquetWriter:
        """Return the writer of the file, created when the first rows are known."""
        if self._writer is None:
            dictionaries: Any = _repeating(first)  # the stubs do not allow a list of names
            self._writer = pq.ParquetWriter(
                self._file,
                _structured(self._flat.empty_table(), self._tree).schema,
                compression="zstd",
                use_dictionary=dictionaries,
                metadata_collector=self._finished,
            )
        return self._writer


def _repeating(first: pa.Table) -> bool | list[str]:
    """Return the columns that get a dictionary; true for all."""
    sample = first.slice(0, _SAMPLE_ROWS)
    if sample.num_rows < _MIN_SAMPLE_ROWS:
        return True
    most = _MAX_DIFFERENT * sample.num_rows
    return [
        name for name, values in zip(sample.column_names, sample.columns, strict=True) if _different(values) <= most
    ]


def _different(values: Any) -> int:
    return len(pc.unique(values))


def _structured(table: pa.Table, tree: Tree) -> pa.Table:
    """Nest the columns of a table as in the tree."""
    if not any(isinstance(child, dict) for child in tree.values()):
        return table
    whole = table.combine_chunks()
    columns = [_column(child, whole) for child in tree.values()]
    return pa.table(columns, names=list(tree))


def _column(tree: "int | Tree", table: pa.Table) -> Any:
    if isinstance(tree, int):
        return table.column(tree)
    return pa.StructArray.from_arrays([_array(_column(child, table)) for child in tree.values()], names=list(tree))


def _array(column: Any) -> Any:
    return column if isinstance(column, pa.Array) else pa.concat_arrays(column.chunks)
