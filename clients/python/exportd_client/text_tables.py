"""Reads CSV, with the types of the catalog, and Parquet into tables of Arrow. Needs pyarrow."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import IO, TypeAlias, cast

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from exportd.v1.export_pb2 import ColumnType, CsvOptions
from exportd.v1.export_service_pb2 import Collection

_BLOCK_BYTES = 16 * 1024 * 1024
"""The longest row that can be read."""

Kinds: TypeAlias = Mapping[str, ColumnType]


def kinds_of(collection: Collection) -> Kinds:
    """Return the type of each field."""
    return {column.field: column.type for column in collection.columns}


def arrow_type(kind: ColumnType | None) -> pa.DataType:
    """Return the Arrow type of a column.

    A column that the catalog does not have is text, and so are types that CSV and JSON represent as text.
    """
    match kind.kind if kind else ColumnType.KIND_TEXT:
        case ColumnType.KIND_INTEGER:
            return pa.int64()
        case ColumnType.KIND_DECIMAL if kind:
            return pa.decimal128(kind.precision, kind.scale)
        case ColumnType.KIND_FLOAT:
            return pa.float64()
        case ColumnType.KIND_BOOLEAN:
            return pa.bool_()
        case ColumnType.KIND_DATE:
            return pa.date32()
        case ColumnType.KIND_TIME:
            return pa.time64("us")
        case ColumnType.KIND_TIMESTAMP:
            return pa.timestamp("us", "UTC")
        case _:
            return pa.string()


def of_parquet(content: pa.Buffer) -> pa.Table:
    """Return the table of a Parquet file."""
    return pq.read_table(pa.BufferReader(content))


def of_csv(
    content: pa.Buffer, dialect: CsvOptions, fields: Sequence[str], kinds: Kinds, *, zipped: bool, rows: int
) -> pa.Table:
    """Return the table of a CSV file.

    rows: the expected number of rows; pyarrow would take a file without rows for a broken one.

    Raises pa.ArrowInvalid if a value is not of its column's type.
    """
    header = dialect.header if dialect.HasField("header") else True
    delimiter = dialect.delimiter or ","
    first = _first_row(_opened(content, zipped=zipped), delimiter)
    names = [*fields, *first[len(fields) :]] if header else [*fields, *(["files"] * (len(first) > len(fields)))]
    types = {name: arrow_type(kinds.get(name)) for name in names}
    if not rows:
        return pa.schema(types.items()).empty_table()
    return pa_csv.read_csv(
        cast("IO[bytes]", _opened(content, zipped=zipped)),
        read_options=pa_csv.ReadOptions(column_names=names, skip_rows_after_names=int(header), block_size=_BLOCK_BYTES),
        parse_options=pa_csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=len(names) > 1
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=types,
            null_values=[dialect.null_text],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["true"],
            false_values=["false"],
            decimal_point="," if dialect.decimal_comma else ".",
        ),
    )


def _opened(content: pa.Buffer, *, zipped: bool) -> pa.NativeFile:
    plain = pa.BufferReader(content)
    return pa.CompressedInputStream(plain, "gzip") if zipped else plain


def _first_row(stream: pa.NativeFile, delimiter: str) -> list[str]:
    text = io.TextIOWrapper(cast("IO[bytes]", stream), encoding="utf-8-sig", newline="")
    return next(csv.reader(text, delimiter=delimiter), [])
