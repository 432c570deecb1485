"""Infinite dates and timestamps in frames and batches."""

from collections.abc import Mapping, Sequence

import polars as pl
import pyarrow as pa

from services.contract.spec import Kind
from services.worker.sources.rows.columns import SourceColumn
from services.worker.sources.rows.invalid import with_invalid
from services.worker.sources.rows.parse import Array, pc

_INFINITY = {Kind.DATE: 2**31 - 1, Kind.TIMESTAMP: 2**63 - 1}
"""The numbers that DuckDB and PostgreSQL store for infinity; the negative numbers are minus infinity."""
_NEVER = {1: "infinity", -1: "-infinity"}


def with_never(frame: pl.DataFrame, selection: Sequence[SourceColumn]) -> dict[int, int]:
    """Return the columns that have infinite dates or timestamps, each with the number that stands for infinity."""
    columns = enumerate(zip(selection, frame, strict=True))
    infinite = {
        place: (_INFINITY[c.type.kind], v.cast(pl.Int64)) for place, (c, v) in columns if c.type.kind in _INFINITY
    }
    return {place: n for place, (n, numbers) in infinite.items() if {numbers.min(), numbers.max()} & {n, -n}}


def without_never(batch: pa.RecordBatch, never: Mapping[int, int]) -> pa.RecordBatch:
    """Replace infinite values by null and give their texts: see rows/invalid.py."""
    for place, infinity in never.items():
        values = batch.column(place)
        texts = [_NEVER.get(n) for n in _signs(values, infinity)]
        valid = pc.if_else(pa.array([text is None for text in texts]), values, pa.scalar(None, values.type))
        column = with_invalid(valid, texts)
        batch = batch.set_column(place, pa.field(batch.schema.names[place], column.type), column)
    return batch


def _signs(values: Array, infinity: int) -> list[int]:
    """Return 1 for infinity, -1 for minus infinity, and 0 for any other value."""
    numbers = values.view(pa.int32() if pa.types.is_date32(values.type) else pa.int64()).to_pylist()
    return [(n == infinity) - (n == -infinity) for n in numbers]
