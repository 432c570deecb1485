"""Tables whose files are kept: few rows, each there for a rule."""

import io
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import BinaryIO, cast

import pyarrow as pa

from services.contract.formats import Compression, Format, XlsxLayout
from services.contract.spec import ColumnSpec, ColumnType, Kind, TableOptions
from services.worker.schema import arrow_schema
from services.worker.writers.growing import GrowingFile
from services.worker.writers.registry import open_writer

Row = dict[str, object]

_VALUES: dict[str, tuple[ColumnType, list[object]]] = {
    "text": (ColumnType(Kind.TEXT), ["plain", "00123", "=1+1", "a,b", 'say "é😀"', "", None]),
    "integer": (ColumnType(Kind.INTEGER), [0, -7, 10**15 - 1, 10**15, 2**53 + 1, -(2**63), None]),
    "decimal": (
        ColumnType(Kind.DECIMAL, 20, 2),
        [Decimal(x) for x in ("0.00", "-0.10", "1234567890123.45", "12345678901234.56", "1.50", "100.00")] + [None],
    ),
    "float": (
        ColumnType(Kind.FLOAT),
        [0.1 + 0.2, 1e22, -0.0, 5e-324, float("nan"), float("-inf"), None],
    ),
    "boolean": (ColumnType(Kind.BOOLEAN), [True, False, None, None, None, None, None]),
    "date": (
        ColumnType(Kind.DATE),
        [
            *(date(2026, 11, 22), date(1899, 12, 31), date(1900, 1, 1), date(1900, 2, 28)),
            *(date(1900, 3, 1), date(9999, 12, 31), None),
        ],
    ),
    "time": (ColumnType(Kind.TIME), [time(0), time(12), time(23, 59, 59), time(6, 0, 0, 500_000), None, None, None]),
    "timestamp": (
        ColumnType(Kind.TIMESTAMP),
        [
            datetime(2026, 7, 1, 10, 30, tzinfo=UTC),
            datetime(2026, 1, 1, 23, 59, 59, 999_999, UTC),
            datetime(1899, 12, 31, 12, tzinfo=UTC),
            datetime(1900, 2, 28, 12, tzinfo=UTC),
            datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC),
            None,
            None,
        ],
    ),
    "duration": (
        ColumnType(Kind.DURATION),
        [
            *(timedelta(0), timedelta(hours=30), timedelta(days=1, seconds=1), -timedelta(hours=1)),
            *(timedelta(microseconds=1500), None, None),
        ],
    ),
    "json": (ColumnType(Kind.JSON), ['{"b":1.10,"a":[1,2]}', "null", '"x"', "not json", "[]", None, None]),
    "binary": (ColumnType(Kind.BINARY), [b"", b"\0\xff", b"hello", None, None, None, None]),
}

VALUES = tuple(ColumnSpec(name, name, name, type_) for name, (type_, _) in _VALUES.items())
"""A column of each kind, with the values that have a rule of their own."""

VALUE_ROWS: list[Row] = [
    dict(zip(_VALUES, values, strict=True)) for values in zip(*(v for _, v in _VALUES.values()), strict=True)
]

TEXTS = [
    "plain", "", " led by a space", "followed by a tab\t", "two\nlines", "\r", "a\r\nb", "\x00\x1f", "_x0041_",
    "_x0041_x0042_", "_x0041", "\ufffe\uffff", "<b>&amp;</b>", "]]>", "#N/A", "+1", "https://example.com",
    "e\u0301 👩‍👩‍👧 שלום",
]  # fmt: skip
"""Texts that a sheet must hold as they are."""


def text_column(name: str) -> ColumnSpec:
    return ColumnSpec(name, name, name, ColumnType(Kind.TEXT))


def batch_of(columns: tuple[ColumnSpec, ...], rows: list[Row]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=arrow_schema(columns))


def file_of(
    table_format: Format,
    columns: tuple[ColumnSpec, ...],
    rows: list[Row],
    *,
    time_zone: str = "UTC",
    layout: XlsxLayout = XlsxLayout(),  # noqa: B008 - frozen
    name: str = "invoices",
) -> bytes:
    """What the writer of a format makes of the rows."""
    file = io.BytesIO()
    writer = open_writer(TableOptions(table_format, time_zone, xlsx=layout), file, columns, name)
    writer.write(batch_of(columns, rows))
    writer.close()
    return file.getvalue()


def appended_file_of(table_format: Format, columns: tuple[ColumnSpec, ...], rows: list[Row]) -> bytes:
    """The same where a file is only appended to, as an object is."""
    file = io.BytesIO()
    growing = GrowingFile(file, Compression.NONE)
    writer = open_writer(TableOptions(table_format, "UTC"), cast("BinaryIO", growing), columns, "invoices")
    writer.write(batch_of(columns, rows))
    writer.close()
    growing.end()
    return file.getvalue()
