"""A small Parquet file, read and decoded at once.

polars hands every file to its own threads, which takes longer than to decode a few rows.
"""

import os
from collections.abc import Sequence

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from services.worker.sources.files.place import Place

MAX_FILE_BYTES = 256 << 10
MAX_ROWS = 2_048
MAX_DECODED_BYTES = 4 << 20


def opened(place: Place, path: str) -> pq.ParquetFile | None:
    """Read a file into memory; None for a large one. Raises OSError or pa.ArrowException."""
    with place.opened(path) as file:
        if os.fstat(file.fileno()).st_size > MAX_FILE_BYTES:
            return None
        return pq.ParquetFile(pa.BufferReader(file.read()))


def is_small(metadata: pq.FileMetaData) -> bool:
    """Whether a file has few rows, also when they are decoded."""
    sizes = (metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
    return metadata.num_rows <= MAX_ROWS and sum(sizes) <= MAX_DECODED_BYTES


def frame_of(file: pq.ParquetFile, names: Sequence[str], whole_numbers: frozenset[int]) -> pl.DataFrame:
    """Decode all rows of the columns `names` into the columns c0, c1, ….

    The places in `whole_numbers` become integers of 64 bits. Raises pa.ArrowException.
    """
    columns = file.read([*names], use_threads=False).select([*names]).columns
    chosen = [column.cast(pa.int64()) if place in whole_numbers else column for place, column in enumerate(columns)]
    table = pa.table({f"c{place}": column for place, column in enumerate(chosen)})
    table.validate(full=True)  # polars takes it for granted that texts are UTF-8
    # one by one, since from_arrow hands a table to polars' own threads, which then wait some time for more work
    return pl.DataFrame(
        [pl.Series(name, column) for name, column in zip(table.column_names, table.columns, strict=True)]
    )
