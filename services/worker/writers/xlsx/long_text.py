"""Texts that do not fit into a cell are passed to a function, in the order of the rows, and replaced by its results."""

from collections.abc import Callable
from typing import Any, cast

import polars as pl
import pyarrow as pa

from services.contract.spec import ColumnSpec, Kind
from services.worker.writers.xlsx.limits import MAX_CELL_UNITS
from services.worker.writers.xlsx.scan import scan

LongText = Callable[[int, str, str], str]
"""Takes the number of a row of the table (from 1), a column's header and the whole text.

Returns the text for the cell.
"""

_TEXTS = frozenset({Kind.TEXT, Kind.JSON, Kind.BINARY})


def without_long_text(
    batch: pa.RecordBatch, columns: tuple[ColumnSpec, ...], first_row: int, take: LongText
) -> pa.RecordBatch:
    """Return the batch with each text of more than 32,767 UTF-16 units replaced by the result of `take`.

    A binary column with such a text is returned as the base64 text of its cells.
    """
    suspects = {n: _text(batch.column(n), spec) for n, spec in enumerate(columns) if spec.type.kind in _TEXTS}
    long = {n: rows for n, text in suspects.items() if (rows := _long_rows(text))}
    cell_texts: dict[int, dict[int, str]] = {n: {} for n in long}
    for row, n in sorted((row, n) for n, rows in long.items() for row in rows):
        cell_texts[n][row] = take(first_row + row, columns[n].header, suspects[n][row].as_py())
    arrays = [
        _replaced(suspects[n], cell_texts[n]) if n in cell_texts else array for n, array in enumerate(batch.columns)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _text(array: "pa.Array[Any]", spec: ColumnSpec) -> pa.LargeStringArray:
    if spec.type.kind is not Kind.BINARY:
        return cast("pa.LargeStringArray", array)
    encoded = pl.Series(pl.from_arrow(array)).bin.encode("base64")
    return _arrow(encoded)


def _long_rows(texts: pa.LargeStringArray) -> list[int]:
    if scan(texts).longest <= MAX_CELL_UNITS:
        return []
    values = pl.Series(pl.from_arrow(texts))
    rows = (values.str.len_bytes() > MAX_CELL_UNITS).arg_true()
    return [row for row in rows if len(values[row].encode("utf-16-le")) > 2 * MAX_CELL_UNITS]


def _replaced(texts: pa.LargeStringArray, cell_texts: dict[int, str]) -> pa.LargeStringArray:
    rows = list(cell_texts)
    series = pl.Series(pl.from_arrow(texts)).scatter(rows, [cell_texts[row] for row in rows])
    return _arrow(series)


def _arrow(texts: pl.Series) -> pa.LargeStringArray:
    return cast("pa.LargeStringArray", texts.to_arrow(compat_level=pl.CompatLevel.oldest()))
