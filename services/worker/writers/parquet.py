"""Parquet: zstd, dictionaries and statistics; dots in fields make structs."""

from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from services.contract.outcome import ExportWarning
from services.contract.spec import ColumnSpec, Kind
from services.worker.schema import arrow_type
from services.worker.writers.json import Tree, field_tree

GROUP_ROWS = 131_072
GROUP_BYTES = 64 << 20
"""Of a row group, as it lies in memory: with wide rows it has fewer of them."""

_NARROW = {Kind.TEXT: pa.string(), Kind.JSON: pa.string(), Kind.BINARY: pa.binary()}


class ParquetWriter:
    """Row groups of `GROUP_ROWS` rows, or of about `group_bytes` when that is less.

    Values keep their types: text and JSON are strings, timestamps are microseconds of UTC, durations are durations to
    readers that know Arrow's schema and microseconds as int64 to others.
    """

    def __init__(self, file: BinaryIO, columns: tuple[ColumnSpec, ...], group_bytes: int = GROUP_BYTES) -> None:
        self._group_bytes = group_bytes
        self._flat = pa.schema([pa.field(c.field, _NARROW.get(c.type.kind, arrow_type(c.type))) for c in columns])
        self._tree = field_tree(tuple(c.field for c in columns))
        self._finished: list[pq.FileMetaData] = []
        schema = _structured(self._flat.empty_table(), self._tree).schema
        self._writer = pq.ParquetWriter(file, schema, compression="zstd", metadata_collector=self._finished)
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._rows_written = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows, in order; they are kept until there are enough for a row group."""
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
        self._writer.close()
        self._rows_written = self._finished[0].num_rows

    @property
    def rows_written(self) -> int:
        """Rows in finished row groups; after `close` what the file's own metadata says."""
        return self._rows_written

    @property
    def warnings(self) -> list[ExportWarning]:
        """None: every value is kept as it is."""
        return []

    def _end_group(self) -> None:
        rows = pa.Table.from_batches(self._waiting)
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0
        table = rows.rename_columns(self._flat.names).cast(self._flat)
        self._writer.write_table(_structured(table, self._tree), row_group_size=GROUP_ROWS)
        self._rows_written += rows.num_rows
        pa.default_memory_pool().release_unused()  # the next group takes as much again, from whoever has it


def _structured(table: pa.Table, tree: Tree) -> pa.Table:
    """The columns of a table nested as in the tree."""
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
