"""Converts typed values to the texts that a text file has for them."""

import polars as pl
import pyarrow as pa

from services.contract.spec import ColumnSpec, ColumnType, Kind
from services.worker.sources.rows.parse import Array, pc
from services.worker.writers.values import Cells, Losses, plain_text


def plain_texts(values: Array, label: str, type_: ColumnType) -> Array:
    """Return the texts as in CSV, with timestamps in UTC; floats may also be `NaN`, `inf` and `-inf`.

    Raises values.CannotWrite.
    """
    series = pl.Series(pl.from_arrow(values))
    cells = Cells(ColumnSpec(label, label, label, type_), series, 1)
    texts = series.cast(pl.String) if type_.kind is Kind.FLOAT else plain_text(cells, "UTC", Losses())
    return pc.cast(texts.to_arrow(), pa.large_string())
