"""CSV and JSON as exportd writes them, as tables of Arrow with the types of the catalog. Needs pyarrow."""

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
"""The longest row that is read."""

Kinds: TypeAlias = Mapping[str, ColumnType]


def kinds_of(collection: Collection) -> Kinds:
    """By field."""
    return {column.field: column.type for column in collection.columns}


def arrow_type(kind: ColumnType | None) -> pa.DataType:
    """Of the values of a column; text for one that the catalog does not have, and for what text stands for."""
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
    """As it is."""
    return pq.read_table(pa.BufferReader(content))


def of_csv(
    content: pa.Buffer, dialect: CsvOptions, fields: Sequence[str], kinds: Kinds, *, zipped: bool, rows: int
) -> pa.Table:
    """rows: how many there must be; pyarrow takes a file of none for a broken one.

    pa.ArrowInvalid: a value is not of its type.
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
