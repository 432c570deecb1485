import csv
import io

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings

from services.contract.formats import Format
from services.contract.spec import ColumnSpec, ColumnType, Kind
from tests.budget import examples
from tests.unit.writers.plain_model import PARSERS, same
from tests.unit.writers.writer_tables import COLUMNS, ROWS, TEXTS, counts, text_columns, written

pytestmark = pytest.mark.usefixtures("few_cells")


def parsed(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


def test_header_nulls_empty_text_and_quotes_are_written_as_rfc_4180_asks():
    columns = text_columns("a", "b,c", 'd"')
    content, writer = written(
        Format.CSV, columns, [{"a": None, "b,c": "", 'd"': 'say "x"'}, {"a": "1\r\n2", "b,c": " "}]
    )
    assert content == b'a,"b,c","d"""\r\n,"","say ""x"""\r\n"1\r\n2", ,\r\n'
    assert writer.rows_written == 2


def test_a_table_without_rows_is_its_header():
    content, writer = written(Format.CSV, text_columns("a", "b"), [])
    assert content == b"a,b\r\n"
    assert writer.rows_written == 0


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(60))
@given(rows=ROWS)
def test_every_value_reads_back_from_csv(rows):
    content, writer = written(Format.CSV, COLUMNS, rows[:2], rows[2:])
    header, *lines = parsed(content)
    assert header == [c.header for c in COLUMNS]
    assert len(lines) == len(rows) == writer.rows_written
    for line, row in zip(lines, rows, strict=True):
        for column, text in zip(COLUMNS, line, strict=True):
            expected = row[column.field]
            kind = column.type.kind
            if text == "":
                assert expected in (None, "", b"") or same(kind, None, expected)
            else:
                assert same(kind, PARSERS[kind](text), expected), (column, text, expected)


@settings(deadline=None, max_examples=examples(30))
@given(value=TEXTS.map(lambda t: t.replace("\x00", "")) | TEXTS.map(lambda _: None))
def test_polars_and_duckdb_tell_null_from_empty_text(value, tmp_path_factory):
    columns = text_columns("a", "b")
    content, _ = written(Format.CSV, columns, [{"a": value, "b": "x"}])
    assert pl.read_csv(content, infer_schema=False).rows() == [(value, "x")]
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(content)
    options = "header=true, all_varchar=true, delim=',', quote='\"', escape='\"', allow_quoted_nulls=false"
    found = duckdb.sql(f"select a, b from read_csv('{path}', {options})").fetchall()
    assert found == [(value, "x")]


def test_nan_and_infinity_are_empty_and_counted():
    columns = (ColumnSpec("x", "x", "x", ColumnType(Kind.FLOAT)), *text_columns("y"))
    rows = [{"x": float("nan"), "y": "1"}, {"x": float("-inf"), "y": "2"}, {"x": None, "y": "3"}, {"x": 1e22, "y": "4"}]
    content, writer = written(Format.CSV, columns, rows)
    assert content == b"x,y\r\n,1\r\n,2\r\n,3\r\n1e+22,4\r\n"
    assert counts(writer) == {"FLOAT_NOT_FINITE": 2}


@pytest.mark.parametrize("rows", [1, 16_384, 16_385, 40_000])
def test_rows_are_counted_and_kept_in_order_however_large_the_batch(rows):
    column = ColumnSpec("n", "n", "n", ColumnType(Kind.INTEGER))
    content, writer = written(Format.CSV, (column,), [{"n": n} for n in range(rows)])
    assert content.split() == [b"n", *(str(n).encode() for n in range(rows))]
    assert writer.rows_written == rows
