"""Values that DuckDB reads as something else than what the files hold: exact, counted, or refused."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.contract.spec import Invalid, Operator, OrderTerm, Relation, Term
from services.worker.sources.errors import SourceFailed
from services.worker.sources.files.introspect import relation_columns
from services.worker.sources.files.settings import ParquetSettings
from tests.integration.sources.source_specs import Read, opened, read, spec_of, type_of
from tests.tiers import deep

WIDE = [Decimal("1234567890123456789012.0123456789"), Decimal("-0.1"), None, Decimal(0), Decimal("1E-38")]
"""Of 76 digits, 38 behind the point, as BigQuery's BIGNUMERIC."""


def put(directory: Path, name: str = "a.parquet", **columns: Any) -> Path:
    pq.write_table(pa.table(columns), directory / name)
    return directory


def column(directory: Path, type_: str, **changes: Any) -> list[Any]:
    return [row["v"] for row in rows(directory, type_, **changes).rows]


def rows(directory: Path, type_: str, **changes: Any) -> Read:
    return read(directory, spec_of("parquet", {"v": type_}, **{"order": (), **changes}))


def refused(directory: Path, type_: str, name: str = "v", **changes: Any) -> SourceFailed:
    with pytest.raises(SourceFailed) as failed:
        read(directory, spec_of("parquet", {name: type_}, **{"order": (), **changes}))
    return failed.value


def big_numbers(directory: Path, scale: int = 38) -> Path:
    values = pa.array(WIDE, pa.decimal256(76, scale))
    table = pa.table({"id": range(len(WIDE)), "v": values})
    pq.write_table(table, directory / "a.parquet", row_group_size=2)
    return directory


def test_decimals_of_more_than_38_digits_keep_every_digit(tmp_path: Path) -> None:
    big_numbers(tmp_path)
    plain = ["1234567890123456789012.0123456789", "-0.1", None, "0", f"0.{'0' * 37}1"]
    assert column(tmp_path, "text") == plain
    assert column(tmp_path, "json") == plain
    some = [Relation(path="a.parquet")]
    above = Term("v", type_of("text"), Operator.EQUALS, (plain[0] or "",))
    assert column(tmp_path, "text", relation=some[0], filter=above) == plain[:1]
    assert "VALUE_INVALID" in str(refused(tmp_path, "decimal(38,10)"))  # 1E-38 has more behind the point


def test_decimals_of_more_than_38_digits_are_sorted_and_filtered_by_every_digit(tmp_path: Path) -> None:
    near = [Decimal(f"1234567890123456789{last}.5") for last in (2, 0, 3, 1)]
    values = pa.array([*near, None], pa.decimal256(50, 1))
    pq.write_table(pa.table({"id": range(5), "v": values}), tmp_path / "a.parquet", row_group_size=2)
    assert column(tmp_path, "decimal(38,1)", order=(OrderTerm("v"),)) == [*sorted(near), None]
    one = Term("v", type_of("decimal(38,1)"), Operator.GREATER, (sorted(near)[2],))
    found = rows(tmp_path, "decimal(38,1)", filter=one)
    assert ([row["v"] for row in found.rows], found.matched) == ([max(near)], 1)


def test_decimals_of_more_than_38_digits_in_one_file_of_many(tmp_path: Path) -> None:
    put(tmp_path, "a[1] é.parquet", v=pa.array([Decimal(12345678901234567890)], pa.decimal256(50, 0)))
    put(tmp_path, "b.parquet", v=pa.array([Decimal("0.5")]))
    put(tmp_path, "c.parquet", other=[1])
    assert column(tmp_path, "text") == ["12345678901234567890", "0.5", None]
    assert column(tmp_path, "decimal(38,2)") == [Decimal(12345678901234567890), Decimal("0.50"), None]


def test_decimals_of_more_than_38_digits_in_other_values_are_refused(tmp_path: Path) -> None:
    put(tmp_path, v=pa.array([[Decimal(1)]], pa.list_(pa.decimal256(50, 0))), w=[1])
    assert refused(tmp_path, "json").code == "VALUE_INVALID"
    assert read(tmp_path, spec_of("parquet", {"w": "integer"}, order=())).rows == [{"w": 1}]


@pytest.mark.parametrize(
    "names",
    [
        ("code", "CODE"),
        pytest.param(("CODE", "code"), marks=deep),
        pytest.param(("code", "CODE", "CODE_1"), marks=deep),
    ],
)
def test_of_columns_that_differ_by_case_the_very_name_is_read(tmp_path: Path, names: Sequence[str]) -> None:
    pq.write_table(pa.table([[1], *([name] for name in names)], names=["id", *names]), tmp_path / "a.parquet")
    for name in names:
        for order in ((), (OrderTerm(name),)):
            done = read(tmp_path, spec_of("parquet", {name: "text", "id": "integer"}, order=order))
            assert done.rows == [{name: name, "id": 1}]
        for value, count in ((name, 1), (name.swapcase(), 0)):
            term = Term(name, type_of("text"), Operator.EQUALS, (value,))
            assert read(tmp_path, spec_of("parquet", {"id": "integer"}, order=(), filter=term)).matched == count
    assert refused(tmp_path, "text", "Code").code == "NAME_AMBIGUOUS"
    assert "'Code'" in refused(tmp_path, "integer", "id", order=(OrderTerm("Code"),)).message


def test_a_draft_has_the_names_of_columns_that_differ_by_case(tmp_path: Path) -> None:
    pq.write_table(pa.table([["a"], ["A"], [1]], names=["v", "V", "V_1"]), tmp_path / "a.parquet")
    drafted = [column.name for column in relation_columns(ParquetSettings("things", tmp_path), "a.parquet")]
    assert drafted == ["v", "V", "V_1"]
    assert read(tmp_path, spec_of("parquet", dict.fromkeys(drafted, "text"), order=())).rows == [
        {"v": "a", "V": "A", "V_1": "1"}
    ]


def test_columns_that_differ_by_case_from_file_to_file(tmp_path: Path) -> None:
    pq.write_table(pa.table([["a"], ["A"]], names=["v", "V"]), tmp_path / "1.parquet")
    pq.write_table(pa.table([["B"], ["b"]], names=["V", "v"]), tmp_path / "2.parquet")
    pq.write_table(pa.table([["c"]], names=["V"]), tmp_path / "3.parquet")
    assert column(tmp_path, "text") == ["a", "b", "c"]
    assert column(tmp_path, "text", order=(OrderTerm("v", descending=True),)) == ["c", "b", "a"]


def test_names_of_other_scripts_are_found_without_case(tmp_path: Path) -> None:
    pq.write_table(pa.table([["x"]], names=["ИМЯ"]), tmp_path / "a.parquet")
    assert read(tmp_path, spec_of("parquet", {"имя": "text"}, order=())).rows == [{"имя": "x"}]


def test_midnight_at_the_end_of_a_day_is_no_time(tmp_path: Path) -> None:
    put(tmp_path, v=pa.array([86_400_000_000], pa.int64()).cast(pa.time64("us")))
    assert refused(tmp_path, "time").code == "VALUE_INVALID"
    assert column(tmp_path, "text") == ["24:00:00"]


NANOSECONDS = [-1, 999, 1_767_225_599_999_999_999, 1_767_225_600_000_000_000, None]
"""The last one before 1970, one beside it, the last one of 2025, the first of 2026."""
MICROSECONDS = [
    datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2025, 12, 31, 23, 59, 59, 999_999, UTC),
    datetime(2026, 1, 1, tzinfo=UTC),
    None,
]


@pytest.mark.parametrize("stored", ["ns", "ns of a zone", "96 bits", "text"])
def test_nanoseconds_are_cut_and_counted_however_they_are_stored(tmp_path: Path, stored: str) -> None:
    values: Any = pa.array(NANOSECONDS, pa.timestamp("ns", "Asia/Tokyo" if stored == "ns of a zone" else None))
    if stored == "text":
        values = values.cast(pa.string())
    table = pa.table({"id": range(5), "v": values})
    pq.write_table(table, tmp_path / "a.parquet", use_deprecated_int96_timestamps=stored == "96 bits", row_group_size=2)
    for order in ((), (OrderTerm("id"),)):
        done = rows(tmp_path, "timestamp", order=order)
        assert [row["v"] for row in done.rows] == MICROSECONDS
        assert [(w.code, w.count) for w in done.warnings] == [("TIMESTAMP_ROUNDED", 3)]
    last = Term("v", type_of("timestamp"), Operator.LESS, (datetime(2026, 1, 1, tzinfo=UTC),))
    assert rows(tmp_path, "timestamp", filter=last).matched == 3


def test_moments_of_96_bits_may_be_far_from_now(tmp_path: Path) -> None:
    days = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)]
    far = pa.array(days, pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"v": far}), tmp_path / "a.parquet", use_deprecated_int96_timestamps=True)
    done = rows(tmp_path, "timestamp")
    stored = duckdb.sql(f"select v::varchar from '{tmp_path}/a.parquet'").fetchall()
    assert [str(row["v"].replace(tzinfo=None)) for row in done.rows] == [text for (text,) in stored]
    assert done.warnings == []


def test_a_moment_of_nanoseconds_is_no_date_when_it_only_rounds_to_one(tmp_path: Path) -> None:
    put(tmp_path, v=pa.array([86_399_999_999_999], pa.timestamp("ns")))
    assert refused(tmp_path, "date").code == "VALUE_INVALID"
    put(tmp_path, v=pa.array([86_400_000_000_000], pa.timestamp("ns")))
    assert column(tmp_path, "date") == [date(1970, 1, 2)]


def test_times_finer_than_a_microsecond_are_cut_and_counted(tmp_path: Path) -> None:
    fine = [time(0, 0), time(23, 59, 59, 999_999), time(12, 0), None]
    put(tmp_path, v=pa.array([1, 86_399_999_999_999, 43_200_000_000_000, None], pa.time64("ns")))
    done = rows(tmp_path, "time")
    assert ([row["v"] for row in done.rows], [w.count for w in done.warnings]) == (fine, [2])
    put(tmp_path, v=["00:00:00.000000001", "23:59:59.9999999", "12:00", None])
    done = rows(tmp_path, "time")
    assert ([row["v"] for row in done.rows], [w.count for w in done.warnings]) == (fine, [2])


def test_infinity_is_no_moment(tmp_path: Path) -> None:
    for type_ in ("timestamp", "timestamptz", "timestamp_ns", "date"):
        for value in ("infinity", "-infinity"):
            duckdb.sql(f"copy (select '{value}'::{type_} as v) to '{tmp_path}/a.parquet'")
            for kind in ("timestamp", "date"):
                assert refused(tmp_path, kind).code == "VALUE_INVALID", (type_, value, kind)


def test_reals_of_four_bytes_are_what_their_shortest_text_says(tmp_path: Path) -> None:
    numbers = [11.4, 0.1, 16_777_217.0, 3.4028235e38, 1e-45, float("inf"), None]
    put(tmp_path, id=range(7), v=pa.array(numbers, pa.float32()))
    expected = [11.4, 0.1, 16_777_216.0, 3.4028235e38, 1e-45, float("inf"), None]
    for order in ((), (OrderTerm("id"),)):
        assert column(tmp_path, "float", order=order) == expected
    assert column(tmp_path, "text")[:2] == ["11.4", "0.1"]
    for value in (11.4, 0.1):
        equal = Term("v", type_of("float"), Operator.EQUALS, (value,))
        assert column(tmp_path, "float", filter=equal) == [value]
    put(tmp_path, v=pa.array([1_234_567.9], pa.float32()))
    assert refused(tmp_path, "decimal(18,0)").code == "VALUE_INVALID"
    assert column(tmp_path, "decimal(18,1)") == [Decimal("1234567.9")]
    put(tmp_path, v=pa.array([float("nan")], pa.float32()))
    assert np.isnan(column(tmp_path, "float")[0])


@pytest.mark.parametrize(
    ("arrays", "type_", "expected"),
    [
        ([pa.array([2**53 + 1]), pa.array([0.5])], "text", ["9007199254740993", "0.5"]),
        ([pa.array([2**53 + 1]), pa.array([7.0])], "integer", [2**53 + 1, 7]),
        ([pa.array([2**53 + 1]), pa.array([0.5])], "decimal(38,2)", [Decimal(2**53 + 1), Decimal("0.50")]),
        ([pa.array([11.4], pa.float32()), pa.array([0.5])], "float", [11.4, 0.5]),
        ([pa.array([11.4], pa.float32()), pa.array([2**40])], "float", [11.4, float(2**40)]),
        ([pa.array([Decimal("1234567890123456.78")]), pa.array([0.5])], "text", ["1234567890123456.78", "0.5"]),
        (
            [pa.array([Decimal(10**36)], pa.decimal128(38, 0)), pa.array([Decimal("0.12")], pa.decimal128(38, 37))],
            "text",
            [str(10**36), f"0.12{'0' * 35}"],
        ),
        ([pa.array([2**63 - 1]), pa.array([2**64 - 1], pa.uint64())], "text", [str(2**63 - 1), str(2**64 - 1)]),
        ([pa.array([1], pa.int8()), pa.array([2], pa.int64())], "integer", [1, 2]),
        ([pa.array(["é"]), pa.array([b"\xc3\xb1"])], "text", ["é", "ñ"]),
        ([pa.array(["1"]), pa.array([2])], "integer", [1, 2]),
        ([pa.array([True]), pa.array([0])], "boolean", [True, False]),
        (
            [pa.array([date(2026, 1, 2)]), pa.array([1_000], pa.timestamp("ns"))],
            "timestamp",
            [datetime(2026, 1, 2, tzinfo=UTC), datetime(1970, 1, 1, 0, 0, 0, 1, UTC)],
        ),
        ([pa.array([{"a": 1}]), pa.array([{"a": 2, "b": 0.1}])], "json", ['{"a":1}', '{"a":2,"b":0.1}']),
    ],
)
def test_files_that_store_a_column_by_different_types_keep_every_digit(
    tmp_path: Path, arrays: list[Any], type_: str, expected: list[Any]
) -> None:
    for number, array in enumerate(arrays):
        put(tmp_path, f"{number}.parquet", id=[number], v=array)
    for order in ((), (OrderTerm("id"),)):
        assert column(tmp_path, type_, order=order) == expected


def test_reals_and_decimals_in_other_values_are_written_as_they_are(tmp_path: Path) -> None:
    value = {"FLOAT": 1, "r": [11.4, None], "d": Decimal("1234567890123456.78"), "m": {"b": 0.5}}
    type_ = pa.struct(
        {
            "FLOAT": pa.int64(),
            "r": pa.list_(pa.float32()),
            "d": pa.decimal128(18, 2),
            "m": pa.struct({"b": pa.float32()}),
        }
    )
    put(tmp_path, v=pa.array([value, None], type_))
    expected = '{"FLOAT":1,"r":[11.4,null],"d":1234567890123456.78,"m":{"b":0.5}}'
    for kind in ("json", "text"):
        assert column(tmp_path, kind) == [expected, None]
    duckdb.sql(f"copy (select [170141183460469231731687303715884105727::hugeint] as v) to '{tmp_path}/a.parquet'")
    assert orjson.loads(column(tmp_path, "json")[0]) == [pytest.approx(1.7e38, rel=0.01)]


def test_json_keeps_its_digits(tmp_path: Path) -> None:
    text = '{"a": 1.10, "b": [123456789012345678901234567890.123]}'
    duckdb.sql(f"copy (select '{text}'::json as v) to '{tmp_path}/a.parquet'")
    for kind in ("json", "text"):
        assert column(tmp_path, kind) == column(tmp_path, kind, order=(OrderTerm("v"),)) == [text]


@pytest.mark.parametrize(("interval", "text"), [("14 months 2 days", "P1Y2M2D"), ("5400.5 seconds", "PT1H30M0.5S")])
def test_an_interval_as_text_is_iso_8601(tmp_path: Path, interval: str, text: str) -> None:
    duckdb.sql(f"copy (select interval '{interval}' as v union all select null) to '{tmp_path}/a.parquet'")
    assert column(tmp_path, "text") == [text, None]


INVALID = [
    (pa.array([1, 2**63], pa.uint64()), "integer", [1, None], ["1", str(2**63)]),
    (pa.array([1.5, 2.0]), "integer", [None, 2], ["1.5", "2"]),
    (pa.array(["x", "7"]), "integer", [None, 7], ["x", "7"]),
    (pa.array([b"\xff", b"1"]), "integer", [None, None], ["\\xFF", "1"]),
    (pa.array([86_400_000_000, 0], pa.int64()).cast(pa.time64("us")), "time", [None, time()], ["24:00:00", "00:00:00"]),
    (
        pa.array([2**31 - 1, 0, -(2**31) + 1], pa.int32()).cast(pa.date32()),
        "date",
        [None, date(1970, 1, 1), None],
        ["infinity", "1970-01-01", "-infinity"],
    ),
    (
        pa.array([2**63 - 1, 0], pa.timestamp("us", "UTC")),
        "timestamp",
        [None, datetime(1970, 1, 1, tzinfo=UTC)],
        ["infinity", "1970-01-01T00:00:00Z"],
    ),
]


@pytest.mark.parametrize("case", INVALID, ids=lambda case: case[1])
@pytest.mark.parametrize("order", [(), pytest.param((OrderTerm("id"),), marks=deep)], ids=["whole", "sorted"])
def test_values_that_are_not_of_the_type_become_what_the_catalog_says(tmp_path: Path, case: Any, order: Any) -> None:
    array, type_, nulls, texts = case
    put(tmp_path, id=range(len(array)), v=array)
    spec = spec_of("parquet", {"v": type_}, order=order)
    count = sum(value is None for value in nulls)
    column_ = spec.columns[0]
    done = read(tmp_path, replace(spec, columns=(replace(column_, invalid=Invalid.NULL),)))
    assert [row["v"] for row in done.rows] == nulls
    assert [(w.code, w.count) for w in done.warnings] == [("INVALID_VALUE_AS_NULL", count)]
    as_text = (replace(column_, invalid=Invalid.TEXT),)
    with opened(ParquetSettings("things", tmp_path), replace(spec, columns=as_text)) as reading:
        found = [value for batch in reading.batches() for value in batch.column(0).to_pylist()]
    assert found == texts
    wrong = nulls.index(None)
    assert f"in row {wrong + 1} that is not {type_}: {texts[wrong]!r}" in refused(tmp_path, type_, order=order).message


def test_a_filter_passes_over_values_that_the_catalog_lets_through(tmp_path: Path) -> None:
    put(tmp_path, id=[1, 2, 3], v=["x", "7", None])
    for invalid, found in ((Invalid.NULL, [2]), (Invalid.TEXT, [2])):
        term = Term("v", type_of("integer"), Operator.GREATER, (1,), invalid=invalid)
        spec = spec_of("parquet", {"id": "integer"}, order=(), filter=term)
        assert [row["id"] for row in read(tmp_path, spec).rows] == found


def test_lengths_of_time_are_numbers_where_the_catalog_says_so_beside_others(tmp_path: Path) -> None:
    lengths = pa.array([90], pa.duration("s"))
    columns = {"length": "duration", "seconds": "integer"}
    put(tmp_path, length=lengths, seconds=lengths)
    done = read(tmp_path, spec_of("parquet", columns, order=()))
    assert done.rows == [{"length": timedelta(seconds=90), "seconds": 90}]
