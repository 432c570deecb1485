"""PostgreSQL writes CSV byte for byte as the worker's own writer does, or the worker's own writer does it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.contract.formats import Compression, CsvDialect, LineTerminator, Packaging
from services.contract.outcome import Built, Failure, MatchedBy
from services.contract.spec import Operator, OrderTerm, Page, Term
from tests.integration.sources.copy_jobs import csv_spec, is_lined, run, run_through_arrow, source
from tests.integration.sources.source_specs import type_of
from tests.servers import databases
from tests.tiers import deep

STORED = {
    "t": ("text", "text"),
    "v": ("varchar(40)", "text"),
    "u": ("uuid", "text"),
    "i": ("bigint", "integer"),
    "s": ("smallint", "integer"),
    "n": ("numeric(20,2)", "decimal(24,4)"),
    "m": ("numeric(9,0)", "decimal(9,0)"),
    "b": ("boolean", "boolean"),
    "d": ("date", "date"),
    "z": ("timestamptz", "timestamp"),
    "w": ("timestamp", "timestamp"),
}
TYPES = {"id": "integer"} | {name: type_ for name, (_, type_) in STORED.items()}
NO_ROW = dict.fromkeys(STORED)


@pytest.fixture(scope="module")
def url() -> str:
    columns = ", ".join(f"{name} {stored}" for name, (stored, _) in STORED.items())
    return databases.new_database(f"create table t (id serial primary key, {columns})")


def fill(url: str, rows: list[dict[str, Any]]) -> None:
    columns = ", ".join(STORED)
    values = ", ".join(f"%({name})s::{stored}" for name, (stored, _) in STORED.items())
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("set timezone = 'UTC'")
        cursor.execute("truncate t restart identity")
        cursor.executemany(f"insert into t ({columns}) values ({values})", [NO_ROW | row for row in rows])


def digits(whole: int, fraction: int) -> st.SearchStrategy[str]:
    end = f"\\.[0-9]{{{fraction}}}" if fraction else ""
    return st.from_regex(rf"-?[0-9]{{1,{whole}}}{end}", fullmatch=True)


special = st.sampled_from(
    ["", "\\.", '"', '""', ",", ";", "\t", "\r", "\n", "\r\n", "a\n\nb", " x ", "NULL", "\\N", "é😀"]
)
texts = special | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
dates = st.dates().map(str)
moments = st.datetimes().map(str) | st.datetimes().map(lambda moment: str(moment.replace(microsecond=120_000)))
zones = st.sampled_from(["", "+00", "+05:30", "-08", "+14"])
usual = st.fixed_dictionaries(
    {},
    optional={
        "t": texts,
        "v": texts,
        "u": st.uuids().map(str),
        "i": st.integers(-(2**63), 2**63 - 1),
        "s": st.integers(-(2**15), 2**15 - 1),
        "n": digits(18, 2),
        "m": digits(9, 0),
        "b": st.booleans(),
        "d": dates,
        "z": st.builds("{}{}".format, moments.filter(lambda m: "0002" < m < "9998"), zones),
        "w": moments,
    },
)
far_days = st.sampled_from(["0044-03-15 BC", "4713-11-24 BC", "10000-01-01", "0001-12-31 BC", "infinity", "-infinity"])
odd = st.one_of(
    st.builds(lambda day: {"d": day}, far_days),
    st.builds(lambda day: {"z": day}, far_days),
    st.builds(lambda day: {"w": day}, far_days),
    st.just({"n": "NaN"}),
)
slowly = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@settings(slowly, max_examples=20)
@given(
    rows=st.lists(usual, max_size=20), delimiter=st.sampled_from(",;\t| -5."), line_end=st.sampled_from(["\r\n", "\n"])
)
@example(
    rows=[
        {},
        {"t": "", "v": "\\."},
        {"n": "-0.00", "m": "-0"},
        {"n": "99999999999999999.99", "z": "2026-01-02 03:04:05.000001+02"},
        {"z": "0001-01-01 00:00:00+00", "w": "9999-12-31 23:59:59.999999", "d": "0001-01-01"},
        {"z": "9999-12-31 23:59:59.9999+00", "w": "0001-01-01 00:00:00.001", "d": "9999-12-31"},
    ],
    delimiter=",",
    line_end="\r\n",
)
def test_the_server_writes_the_very_same_bytes(
    url: str, tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], delimiter: str, line_end: str
) -> None:
    fill(url, rows)
    folder = tmp_path_factory.mktemp("job")
    spec = csv_spec(TYPES, CsvDialect(delimiter=delimiter, line_terminator=LineTerminator(line_end)))
    lined, table = run(source(url), spec, folder)
    expected, through_arrow = run_through_arrow(source(url), spec, folder)
    assert table == through_arrow
    assert isinstance(lined, Built)
    assert isinstance(expected, Built)
    assert (lined.stats.matched_by, expected.stats.matched_by) == (MatchedBy.END_OF_STREAM, MatchedBy.COUNT)
    assert lined.stats.rows_matched == lined.stats.rows_written == len(rows)
    assert lined.stats.warnings == expected.stats.warnings


@settings(slowly, max_examples=4)
@given(rows=st.lists(usual | odd, min_size=1, max_size=2))
@example(rows=[{"t": "x"}, {"d": "0044-03-15 BC"}])
@example(rows=[{"t": "x"}, {"n": "NaN"}])
@example(rows=[{"z": "10000-01-01"}])
def test_values_that_the_server_writes_otherwise_come_out_as_ever(
    url: str, tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    fill(url, rows)
    folder = tmp_path_factory.mktemp("job")
    done, table = run(source(url), csv_spec(TYPES), folder)
    expected, through_arrow = run_through_arrow(source(url), csv_spec(TYPES), folder)
    assert table == through_arrow
    assert isinstance(done, Built) == isinstance(expected, Built)
    if isinstance(done, Failure):
        assert done == expected


@pytest.mark.parametrize(
    ("last", "code"),
    [({"n": "NaN"}, "VALUE_INVALID"), ({"z": "infinity"}, "VALUE_INVALID"), ({"d": "0044-03-15 BC"}, "")],
)
def test_a_value_behind_many_good_ones_begins_the_file_anew(
    url: str, tmp_path: Path, last: dict[str, str], code: str
) -> None:
    fill(url, [{"t": "x" * 1_000}] * 3_000 + [last])
    done, table = run(source(url), csv_spec(TYPES), tmp_path)
    expected, through_arrow = run_through_arrow(source(url), csv_spec(TYPES), tmp_path)
    assert table == through_arrow
    if isinstance(done, Failure):
        assert (done, done.code) == (expected, code)
        assert "row 3001" in done.message
    else:
        assert code == ""
        assert done.stats.matched_by is MatchedBy.COUNT


@deep
@pytest.mark.parametrize(
    "dialect",
    [
        CsvDialect(),
        CsvDialect(header=False),
        CsvDialect(bom=True),
        CsvDialect(delimiter=";", line_terminator=LineTerminator.LF),
    ],
)
@pytest.mark.parametrize("packed", ["bare", "gzip", "zip"])
def test_every_dialect_and_packaging(url: str, tmp_path: Path, dialect: CsvDialect, packed: str) -> None:
    fill(url, [{"t": 'a "b",;\n', "n": "1.5"}, {"v": ""}] * 700)
    spec = csv_spec(TYPES, dialect)
    if packed == "gzip":
        spec = replace(spec, table=replace(spec.table, compression=Compression.GZIP))
    if packed == "zip":
        spec = replace(spec, packaging=Packaging.ZIP)
    done, table = run(source(url), spec, tmp_path)
    assert isinstance(done, Built)
    assert done.stats.matched_by is MatchedBy.END_OF_STREAM
    assert table == run_through_arrow(source(url), spec, tmp_path)[1]


def test_filter_order_and_page_are_the_servers(url: str, tmp_path: Path) -> None:
    fill(url, [{"t": f"x'; -- {n % 7}", "i": n} for n in range(100)])
    term = Term("t", type_of("text"), Operator.EQUALS, ("x'; -- 3",))
    spec = csv_spec(TYPES, filter=term, order=(OrderTerm("i", descending=True), OrderTerm("id")), page=Page(2, 5))
    done, table = run(source(url), spec, tmp_path)
    assert isinstance(done, Built)
    assert (done.stats.matched_by, done.stats.rows_matched) == (MatchedBy.END_OF_STREAM, 5)
    assert table == run_through_arrow(source(url), spec, tmp_path)[1]
    assert table.count(b"x'; -- 3") == 5


def test_timestamps_without_a_zone_are_in_the_zone_of_the_source(url: str, tmp_path: Path) -> None:
    fill(url, [{"w": "2026-07-01 00:00"}, {"w": "2026-11-01 01:30:00.5"}, {"w": "2026-03-08 02:30"}])
    there = source(url, time_zone="America/New_York")
    spec = csv_spec({"id": "integer", "w": "timestamp"})
    assert is_lined(there, spec)
    done, table = run(there, spec, tmp_path)
    assert isinstance(done, Built)
    assert table.startswith(b"id,w\r\n1,2026-07-01T04:00:00Z\r\n")
    assert table == run_through_arrow(there, spec, tmp_path)[1]
