import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.formats import CsvDialect, Format, LineTerminator
from services.contract.spec import ColumnSpec, ColumnType, Kind, TableOptions
from services.worker.writers.csv import CsvWriter
from tests.budget import examples
from tests.unit.writers.writer_tables import COLUMNS, ROWS, TEXTS, batch_of, counts, text_columns, written

pytestmark = pytest.mark.usefixtures("few_cells")

NUMBERS = (
    ColumnSpec("t", "t", "t", ColumnType(Kind.TEXT)),
    ColumnSpec("i", "i", "i", ColumnType(Kind.INTEGER)),
    ColumnSpec("d", "d", "d", ColumnType(Kind.DECIMAL, 10, 2)),
    ColumnSpec("f", "f", "f", ColumnType(Kind.FLOAT)),
)
DELIMITERS = [",", ";", "\t", "|", "1", "-", ":", "T", "¦", "é"]


def dialect_of(**options) -> TableOptions:
    return TableOptions(Format.CSV, csv=CsvDialect(**options))


def test_delimiter_line_end_and_byte_order_mark_are_those_of_the_dialect():
    table = dialect_of(delimiter=";", line_terminator=LineTerminator.LF, bom=True)
    content, _ = written(table, text_columns("a", "b;c"), [{"a": "x,y", "b;c": "x;y"}])
    assert content == b'\xef\xbb\xbfa;"b;c"\nx,y;"x;y"\n'


def test_without_a_header_the_rows_stand_alone():
    content, writer = written(dialect_of(header=False), text_columns("a"), [{"a": "x"}])
    assert content == b"x\r\n"
    assert writer.rows_written == 1
    assert written(dialect_of(header=False), text_columns("a"))[0] == b""


def test_decimals_and_floats_take_a_comma_and_nothing_else_does(tmp_path):
    row = {"t": "1.5", "i": -15, "d": Decimal("-0.05"), "f": 1.5e300}
    content, _ = written(dialect_of(delimiter=";", decimal_comma=True), NUMBERS, [row])
    assert content == b"t;i;d;f\r\n1.5;-15;-0,05;1,5e+300\r\n"
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert duckdb.read_csv(str(path), sep=";", decimal=",").fetchall() == [("1.5", -15, -0.05, 1.5e300)]


def test_a_null_is_the_null_text_and_a_text_that_looks_like_it_has_quotes():
    content, _ = written(
        dialect_of(null_text="NULL"),
        text_columns("a", "b"),
        [{"a": None, "b": ""}, {"a": "NULL", "b": "null"}, {"a": "x", "b": None}],
    )
    assert content == b'a,b\r\nNULL,""\r\n"NULL",null\r\nx,NULL\r\n'


def test_a_number_that_looks_like_the_null_text_has_quotes_too():
    row = {"t": "0", "i": 0, "d": Decimal("0.00"), "f": 0.0}
    empty = dict.fromkeys(row)
    content, _ = written(dialect_of(null_text="0", header=False), NUMBERS, [row, empty])
    assert content == b'"0","0",0.00,0.0\r\n0,0,0,0\r\n'


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_begins_like_a_formula_gets_an_apostrophe_and_is_counted(start):
    content, writer = written(dialect_of(escape_formulas=True), text_columns("a"), [{"a": f"{start}1"}, {"a": " =1"}])
    assert list(csv.reader(io.StringIO(content.decode(), newline=""))) == [["a"], [f"'{start}1"], ["' =1"]]
    assert counts(writer) == {"FORMULA_ESCAPED": 2}


def test_numbers_are_no_formulas_and_headers_may_be():
    columns = (replace(NUMBERS[0], header="=t"), *NUMBERS[1:])
    row = {"t": None, "i": -1, "d": Decimal("-1.00"), "f": -1.0}
    for _ in range(2):  # the second file finds its header ready
        content, writer = written(dialect_of(escape_formulas=True), columns, [row])
        assert content == b"'=t,i,d,f\r\n,-1,-1.00,-1.0\r\n"
        assert counts(writer) == {"FORMULA_ESCAPED": 1}


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(60))
@given(rows=ROWS, delimiter=st.sampled_from(DELIMITERS), null_text=st.sampled_from(["", "NULL", "0", "true"]))
def test_the_quick_way_and_the_careful_way_write_the_same(rows, delimiter, null_text):
    dialect = CsvDialect(delimiter=delimiter, null_text=null_text, line_terminator=LineTerminator.LF)
    content, _ = written(TableOptions(Format.CSV, csv=dialect), COLUMNS, rows)
    carefully = io.BytesIO()
    writer = CsvWriter(carefully, COLUMNS, "UTC", dialect, careful=True)
    writer.write(batch_of(COLUMNS, rows))
    assert content == carefully.getvalue()


@settings(deadline=None, max_examples=examples(60))
@given(values=st.lists(TEXTS, min_size=1, max_size=5), delimiter=st.sampled_from([",", ";", "\t", "|", "1", "¦"]))
def test_foreign_readers_find_every_text_whatever_the_delimiter(values, delimiter):
    table = dialect_of(delimiter=delimiter)
    content, _ = written(table, text_columns("a", "b"), [{"a": value, "b": value} for value in values])
    found = list(csv.reader(io.StringIO(content.decode(), newline=""), delimiter=delimiter, strict=True))
    assert found == [["a", "b"], *([value, value] for value in values)]
    if delimiter.isascii() and not any("\x00" in value for value in values):
        assert pl.read_csv(content, separator=delimiter, infer_schema=False).rows() == [(v, v) for v in values]


MOMENTS = (
    ColumnSpec("t", "t", "issued", ColumnType(Kind.TIMESTAMP)),
    ColumnSpec("d", "d", "day", ColumnType(Kind.DATE)),
)


@pytest.mark.parametrize(
    ("zone", "moment", "shown"),
    [
        ("UTC", datetime(2026, 8, 27, 22, 4, 42, tzinfo=UTC), "2026-08-27 22:04:42"),
        ("UTC", datetime(2026, 8, 27, 22, 4, 42, 120_000, UTC), "2026-08-27 22:04:42.120"),
        ("America/Mexico_City", datetime(2026, 1, 1, 5, 59, 59, 999_999, UTC), "2025-12-31 23:59:59.999999"),
        ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC), "2026-10-25 02:00:00"),
    ],
)
def test_local_times_are_what_clocks_show_and_the_header_names_their_zone(zone, moment, shown):
    table = replace(dialect_of(local_times=True), time_zone=zone)
    content, _ = written(table, MOMENTS, [{"t": moment, "d": date(2026, 1, 2)}, {"t": None, "d": None}])
    assert content.decode() == f"issued ({zone}),day\r\n{shown},2026-01-02\r\n,\r\n"


def test_local_times_take_the_decimal_comma_too():
    table = dialect_of(local_times=True, decimal_comma=True, delimiter=";")
    content, _ = written(table, MOMENTS[:1], [{"t": datetime(2026, 1, 1, microsecond=500_000, tzinfo=UTC)}])
    assert content == b"issued (UTC)\r\n2026-01-01 00:00:00,500\r\n"


def test_a_null_that_is_an_empty_line_is_counted():
    content, writer = written(Format.CSV, text_columns("a"), [{"a": None}, {"a": "x"}, {"a": ""}, {"a": None}])
    assert content == b'a\r\n\r\nx\r\n""\r\n\r\n'
    assert counts(writer) == {"NULL_AS_EMPTY_LINE": 2}
    assert counts(written(dialect_of(null_text="-"), text_columns("a"), [{"a": None}])[1]) == {}
    assert counts(written(Format.CSV, text_columns("a", "b"), [{"a": None, "b": None}])[1]) == {}
