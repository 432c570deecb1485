"""Tables of nasty values, and a way to write them."""

import io
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from hypothesis import strategies as st

from services.contract.formats import Format
from services.contract.spec import ColumnSpec, ColumnType, Kind, TableOptions
from services.worker.ports import Writer
from services.worker.schema import arrow_schema
from services.worker.writers.registry import open_writer
from tests.reference.openpyxl_writer import OpenpyxlWriter

Row = dict[str, object]

# Fields of `issuer` and `deep.er` stand apart on purpose.
COLUMNS = (
    ColumnSpec("a", "text", "A text, with comma", ColumnType(Kind.TEXT)),
    ColumnSpec("b", "issuer.rfc", 'The "RFC"', ColumnType(Kind.TEXT)),
    ColumnSpec("c", "integer", "Integer", ColumnType(Kind.INTEGER)),
    ColumnSpec("d", "money", "Money", ColumnType(Kind.DECIMAL, 38, 6)),
    ColumnSpec("e", "deep.er.count", "Count", ColumnType(Kind.DECIMAL, 20, 0)),
    ColumnSpec("f", "float", "Float", ColumnType(Kind.FLOAT)),
    ColumnSpec("g", "issuer.active", "Active", ColumnType(Kind.BOOLEAN)),
    ColumnSpec("h", "date", "Date", ColumnType(Kind.DATE)),
    ColumnSpec("i", "time", "Time", ColumnType(Kind.TIME)),
    ColumnSpec("j", "issuedAt", "Issued at", ColumnType(Kind.TIMESTAMP)),
    ColumnSpec("k", "duration", "Duration", ColumnType(Kind.DURATION)),
    ColumnSpec("l", "deep.er.json", "Raw", ColumnType(Kind.JSON)),
    ColumnSpec("m", "binary", "Binary", ColumnType(Kind.BINARY)),
)

_PIECES = [
    "", "=1+1", "=", "+1", "-1", "@SUM(A1)", "\t", "\r", "\r\n", "\n", '"', '""', ",", ";", "'", "\\", "\\u0041",
    "00123", "#N/A", "#REF!", "https://example.com", "mailto:a@b", "TRUE", "null", "NaN", "1e5", "2026-01-01",
    "\x00", "\x01", "\x1f", "\x7f", "\x85", "\u2028", "\ufeff", "\ufffe", "\uffff", "😀", "👩‍👩‍👧", "e\u0301", "שלום",
    "\u202eabc", "_x0041_", "_x0041_x0042_x0043_", "_x004", "_", "x0041_", "_x000d_", "_x005F_", " ", "\u00a0",
    "<b>&amp;", "]]>",
]  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(_PIECES),
    st.lists(st.sampled_from(_PIECES), max_size=5).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
_EDGES = [0, 1, -1, 10**15 - 1, 10**15, -(10**15), 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]
_DATES = [date(1, 1, 1), date(1899, 12, 31), date(1900, 1, 1), date(1900, 2, 28), date(1900, 3, 1), date(9999, 12, 31)]
_LONGEST = timedelta(days=106_751_991)


def _decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    digits = st.one_of(
        st.integers(0, 10**precision - 1), st.sampled_from([0, 1, 10**15 - 1, 10**15, 10**precision - 1])
    )
    return st.tuples(digits, st.sampled_from([1, -1])).map(lambda d: Decimal(f"{d[0] * d[1]}e-{scale}"))


_VALUES: dict[Kind, st.SearchStrategy[object]] = {
    Kind.TEXT: TEXTS,
    Kind.INTEGER: st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from(_EDGES)),
    Kind.FLOAT: st.one_of(st.floats(), st.sampled_from([0.1 + 0.2, 1e22, 5e-324, -0.0, 1e15, 123456789.0])),
    Kind.BOOLEAN: st.booleans(),
    Kind.DATE: st.one_of(st.dates(), st.sampled_from(_DATES)),
    Kind.TIME: st.one_of(st.times(), st.sampled_from([time(0), time(23, 59, 59, 999_999)])),
    Kind.TIMESTAMP: st.one_of(
        st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),  # noqa: DTZ001 - the zone is added below
        st.datetimes(datetime(1899, 12, 30), datetime(1900, 3, 2)),  # noqa: DTZ001
        st.datetimes(datetime(1970, 1, 1), datetime(2040, 1, 1)).map(lambda t: t.replace(microsecond=0)),  # noqa: DTZ001
    ).map(lambda t: t.replace(tzinfo=UTC)),
    Kind.DURATION: st.one_of(st.timedeltas(-_LONGEST, _LONGEST), st.timedeltas(timedelta(0), timedelta(days=3))),
    Kind.JSON: st.sampled_from(['{"b":1,\n"a":[1.10,1e400,"\\u0000"]}', "null", '"x"', "12345678901234567890", "[]"]),
    Kind.BINARY: st.binary(max_size=8),
}


def _values(column: ColumnType) -> st.SearchStrategy[object]:
    decimal = column.kind is Kind.DECIMAL
    return st.none() | (_decimals(column.precision, column.scale) if decimal else _VALUES[column.kind])


ROWS = st.lists(st.fixed_dictionaries({c.field: _values(c.type) for c in COLUMNS}), max_size=6)


def batch_of(columns: tuple[ColumnSpec, ...], rows: list[Row]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=arrow_schema(columns))


def text_columns(*fields: str) -> tuple[ColumnSpec, ...]:
    return tuple(ColumnSpec(f, f, f, ColumnType(Kind.TEXT)) for f in fields)


def written(
    table: Format | TableOptions,
    columns: tuple[ColumnSpec, ...],
    *batches: list[Row],
    time_zone: str = "UTC",
    spool_dir: Path = Path("/nowhere"),
) -> tuple[bytes, Writer]:
    """What a writer of the format makes of the rows, one batch a list; for XLSX that is the one through openpyxl."""
    file = io.BytesIO()
    options = TableOptions(table, time_zone) if isinstance(table, Format) else table
    writer: Writer
    if options.format is Format.XLSX:
        writer = OpenpyxlWriter(file, columns, "invoices", options.time_zone, spool_dir)
    else:
        writer = open_writer(options, file, columns, "invoices")
    for rows in batches:
        writer.write(batch_of(columns, rows))
    writer.close()
    return file.getvalue(), writer


def counts(writer: Writer) -> dict[str, int]:
    return {w.code: w.count for w in writer.warnings}
