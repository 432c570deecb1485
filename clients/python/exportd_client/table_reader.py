"""Reads the file of a completed export into a table of Arrow, or a frame of polars or pandas."""

import gzip
import io
from importlib.util import find_spec
from typing import TYPE_CHECKING

from exportd.v1.export_pb2 import Compression, Export, File, Format
from exportd.v1.export_service_pb2 import Collection
from exportd_client.conversions import invalid
from exportd_client.errors import DownloadDamaged

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

MAX_TABLE_BYTES = 1024 * 1024 * 1024
"""Default limit of the size of a file that is read into memory."""

_EXTENSIONS = {"csv", "json", "jsonl", "parquet", "csv.gz", "json.gz", "jsonl.gz"}


def require(library: str, extra: str) -> None:
    """Raise ModuleNotFoundError, with the name of the extra, if a library is not installed."""
    if find_spec(library) is None:
        raise ModuleNotFoundError(
            f"it needs pip install 'exportd-client[{extra}]': there is no {library}", name=library
        )


def require_arrow() -> None:
    """Raise ModuleNotFoundError if pyarrow is missing. Called before anything is downloaded."""
    require("pyarrow", "arrow")


def refuse_unless_table(export: Export, file: File, max_bytes: int) -> None:
    """Raise InvalidArgument if the file cannot become a table without loss, or is larger than `max_bytes`."""
    if file.encrypted or file.extension not in _EXTENSIONS:
        raise invalid(
            "export",
            f"a file of type {file.extension or file.media_type} is not read as a table: export as PARQUET, CSV, JSON "
            'or JSONL, without a password, attachments with packaging "separate"',
        )
    changed = [name for name in ("escape_formulas", "local_times") if getattr(export.options.csv, name)]
    if changed and export.format == Format.FORMAT_CSV:
        raise invalid("export", f"CSV with {' and '.join(changed)} does not hold the values as they were")
    if file.size_bytes > max_bytes:
        raise invalid("max_bytes", f"the file has {file.size_bytes} bytes: raise max_bytes, or download it")


def table_of(content: bytearray, export: Export, file: File, collection: Collection) -> "pa.Table":
    """Return the table of a file.

    Raises DownloadDamaged if it does not have the number of rows that the service announced, InvalidArgument if a value
    does not fit into the table.
    """
    import pyarrow as pa  # noqa: PLC0415 - it needs an extra

    try:
        table = _read(pa.py_buffer(content), export, file, collection)
    except (pa.ArrowInvalid, ValueError) as error:
        raise invalid("export", f"a value has no place in a table; export as PARQUET, or download: {error}") from error
    if table.num_rows != file.row_count:
        raise DownloadDamaged(f"read {table.num_rows} rows of {file.row_count} that the service announced")
    return table


def _read(content: "pa.Buffer", export: Export, file: File, collection: Collection) -> "pa.Table":
    from exportd_client import json_tables, text_tables  # noqa: PLC0415 - they need an extra

    kinds = text_tables.kinds_of(collection)
    fields = [column.field for column in export.options.columns]
    zipped = export.options.compression == Compression.COMPRESSION_GZIP
    if export.format == Format.FORMAT_CSV:
        return text_tables.of_csv(content, export.options.csv, fields, kinds, zipped=zipped, rows=file.row_count)
    if export.format == Format.FORMAT_PARQUET:
        return text_tables.of_parquet(content)
    stream = io.BytesIO(content)
    lines = gzip.GzipFile(fileobj=stream) if zipped else stream
    return json_tables.of_json(lines, fields, kinds, with_files=bool(export.file_types))


def polars_of(table: "pa.Table") -> "pl.DataFrame":
    """Return a frame of polars that shares the table's memory."""
    require("polars", "polars")
    import polars as pl  # noqa: PLC0415 - it needs an extra

    frame = pl.from_arrow(table)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("polars gave no frame for a table")
    return frame


def pandas_of(table: "pa.Table") -> "pd.DataFrame":
    """Return a frame of pandas whose columns remain Arrow arrays."""
    require("pandas", "pandas")
    import pandas as pd  # noqa: PLC0415 - it needs an extra

    return table.to_pandas(types_mapper=pd.ArrowDtype)
