import io
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from services.contract.formats import Format
from services.contract.spec import ColumnSpec, ColumnType, Kind
from services.worker.schema import arrow_schema
from services.worker.writers.parquet import ParquetWriter
from tests.budget import examples
from tests.unit.writers.test_writers_json import flat
from tests.unit.writers.writer_tables import COLUMNS, ROWS, batch_of, text_columns, written

FLAT = tuple(ColumnSpec(k.value, k.value, k.value, ColumnType(k)) for k in Kind if k is not Kind.DECIMAL)
MONEY = ColumnSpec("money", "money", "money", ColumnType(Kind.DECIMAL, 18, 2))
NUMBER = (ColumnSpec("n", "n", "n", ColumnType(Kind.INTEGER)),)
ROW = {
    "text": "é, \x00",
    "integer": 2**63 - 1,
    "float": 0.1 + 0.2,
    "boolean": True,
    "date": date(1, 1, 1),
    "time": time(23, 59, 59, 999_999),
    "timestamp": datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    "duration": timedelta(days=-1, microseconds=1),
    "json": '{"b":1.00}',
    "binary": b"\x00\xff",
    "money": Decimal("-0.05"),
}


def read(content: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(content))


def shown(row: dict) -> dict:
    """Floats as text, so that NaN equals itself and -0.0 does not equal 0.0."""
    return {name: value.hex() if isinstance(value, float) else value for name, value in row.items()}


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(60))
@given(rows=ROWS)
def test_every_value_reads_back_from_parquet(rows):
    content, writer = written(Format.PARQUET, COLUMNS, rows[:2], rows[2:])
    table = read(content)
    found = [flat(document) for document in table.to_pylist()]
    assert len(found) == writer.rows_written == len(rows)
    assert [shown(row) for row in found] == [shown(row) for row in rows]
    assert writer.warnings == []


def test_columns_have_the_types_that_their_kinds_promise():
    schema = read(written(Format.PARQUET, (*FLAT, MONEY), [ROW])[0]).schema
    assert dict(zip(schema.names, map(str, schema.types), strict=True)) == {
        "text": "string",
        "integer": "int64",
        "float": "double",
        "boolean": "bool",
        "date": "date32[day]",
        "time": "time64[us]",
        "timestamp": "timestamp[us, tz=UTC]",
        "duration": "duration[us]",
        "json": "string",
        "binary": "binary",
        "money": "decimal128(18, 2)",
    }


def test_polars_and_duckdb_read_the_same_values(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(written(Format.PARQUET, (*FLAT, MONEY), [ROW, dict.fromkeys(ROW)])[0])
    assert pl.read_parquet(path).to_dicts() == [ROW, dict.fromkeys(ROW)]
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        first, second = connection.sql(f"select * replace (timestamp::varchar as timestamp) from '{path}'").fetchall()
    duration = ROW["duration"] // timedelta(microseconds=1)  # DuckDB sees the int64 of microseconds
    seen = {**ROW, "duration": duration, "timestamp": "2026-01-01 00:00:00.000001+00"}
    assert dict(zip([c.field for c in (*FLAT, MONEY)], first, strict=True)) == seen
    assert set(second) == {None}


def test_dotted_fields_are_structs_and_a_field_under_another_field_keeps_its_dots():
    columns = text_columns("issuer.rfc", "total", "issuer.name", "total.words")
    row = {"issuer.rfc": "X", "total": "1", "issuer.name": None, "total.words": "one"}
    assert read(written(Format.PARQUET, columns, [row])[0]).to_pylist() == [
        {"issuer": {"rfc": "X", "name": None}, "total": "1", "total.words": "one"}
    ]


def test_a_table_without_rows_is_its_schema():
    content, writer = written(Format.PARQUET, COLUMNS, [])
    assert read(content).num_rows == writer.rows_written == 0
    assert "issuer" in read(content).schema.names


@pytest.mark.parametrize(("rows", "groups"), [(131_072, [131_072]), (300_000, [131_072, 131_072, 37_856])])
def test_row_groups_are_large_however_small_the_batches(rows, groups):
    content, _ = written(
        Format.PARQUET, NUMBER, *([{"n": n} for n in range(s, min(s + 50_000, rows))] for s in range(0, rows, 50_000))
    )
    metadata = pq.read_metadata(io.BytesIO(content))
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == groups
    column = metadata.row_group(0).column(0)
    assert (column.compression, column.statistics.max, column.has_dictionary_page) == ("ZSTD", 131_071, False)
    assert read(content).column("n").to_pylist() == list(range(rows))


def test_wide_rows_make_row_groups_of_fewer_rows():
    file = io.BytesIO()
    writer = ParquetWriter(file, text_columns("a"), group_bytes=1000)
    for _ in range(3):
        writer.write(batch_of(text_columns("a"), [{"a": "x" * 1000}]))
    assert writer.rows_written == 3
    writer.close()
    assert pq.read_metadata(io.BytesIO(file.getvalue())).num_row_groups == 3


def test_rows_written_are_what_the_file_itself_says():
    file = io.BytesIO()
    writer = ParquetWriter(file, NUMBER)
    writer.write(batch_of(NUMBER, [{"n": 1}]))
    assert writer.rows_written == 0  # they wait for their row group
    writer.close()
    assert writer.rows_written == pq.read_metadata(io.BytesIO(file.getvalue())).num_rows == 1


def test_a_column_of_values_that_come_again_has_a_dictionary_and_another_has_none(tmp_path):
    rows = 3_000
    columns = tuple(
        ColumnSpec(name, name, name, ColumnType(kind))
        for name, kind in (
            ("few", Kind.TEXT),
            ("deep.few", Kind.INTEGER),
            ("deep.many", Kind.TEXT),
            ("many", Kind.INTEGER),
        )
    )
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array([f"value {n % 9}" for n in range(rows)], pa.large_string()),
            pa.array([n % 5 for n in range(rows)], pa.int64()),
            pa.array([f"text {n}" for n in range(rows)], pa.large_string()),
            pa.array(range(rows), pa.int64()),
        ],
        schema=arrow_schema(columns),
    )
    for count, with_dictionaries in ((rows, {"few", "deep.few"}), (500, {"few", "deep.few", "deep.many", "many"})):
        path = tmp_path / f"{count}.parquet"
        with path.open("w+b") as file:
            writer = ParquetWriter(file, columns)
            writer.write(batch.slice(0, count))
            writer.close()
        group = pq.read_metadata(path).row_group(0)
        chunks = [group.column(n) for n in range(group.num_columns)]
        assert {chunk.path_in_schema for chunk in chunks if chunk.has_dictionary_page} == with_dictionaries
        assert pq.read_table(path).flatten().num_rows == count
