"""Whole Parquet files as text: from polars' frames come the very bytes that come from batches, or batches are read."""

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.formats import CsvDialect, Format
from services.contract.outcome import Built, Failure, MatchedBy
from services.contract.spec import Invalid, JobSpec, Mask, OrderTerm, Page, TableOptions
from services.worker.ports import Frame
from services.worker.sources.access import RowOptions
from services.worker.sources.errors import SourceFailed
from services.worker.sources.files.listing import listed
from services.worker.sources.files.memory import MemoryLimits
from services.worker.sources.files.settings import CsvSettings, ParquetSettings
from services.worker.sources.files.whole import row_groups, sorted_frames
from services.worker.sources.files.whole.row_groups import WholeFiles
from services.worker.sources.files.whole.sorted_frames import TooUneven
from services.worker.sources.sources import Sources
from tests.budget import examples
from tests.integration.sources.copy_jobs import run, run_through_arrow
from tests.integration.sources.source_specs import ATTACHMENT, spec_of
from tests.integration.sources.test_row_groups import COLUMNS, ROW, written
from tests.tiers import deep, deep_but

DIALECTS = st.builds(
    CsvDialect,
    delimiter=st.sampled_from([",", ";", "\t", "é"]),
    null_text=st.sampled_from(["", "NULL"]),
    decimal_comma=st.booleans(),
    escape_formulas=st.booleans(),
    local_times=st.booleans(),
)


def spec_for_csv(columns: dict[str, str], dialect: CsvDialect | None = None, **table: Any) -> JobSpec:
    options = TableOptions(Format.CSV, csv=dialect or CsvDialect(), **table)
    return replace(spec_of("parquet", columns, order=()), table=options)


def sources(directory: Path) -> Sources:
    return Sources({"things": ParquetSettings("things", directory)})


def has_frames(directory: Path, spec: JobSpec, options: RowOptions | None = None) -> bool:
    with sources(directory).open_lines(spec, options) as reading:
        return reading is not None


@settings(max_examples=examples(40))
@given(
    rows=st.lists(ROW, max_size=12),
    table=st.builds(
        TableOptions,
        st.sampled_from([Format.CSV, Format.JSONL, Format.JSON]),
        csv=DIALECTS,
        time_zone=st.sampled_from(["UTC", "America/Mexico_City"]),
    ),
    group_rows=st.integers(1, 5),
)
def test_the_bytes_are_those_that_come_from_batches(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[str, Any]],
    table: TableOptions,
    group_rows: int,
) -> None:
    directory, folder = tmp_path_factory.mktemp("groups"), tmp_path_factory.mktemp("job")
    written(directory / "a.parquet", [{"id": n, **row} for n, row in enumerate(rows)], row_group_size=group_rows)
    spec = replace(spec_for_csv(COLUMNS), table=table)
    assert has_frames(directory, spec)
    done, content = run(sources(directory), spec, folder)
    expected, from_batches = run_through_arrow(sources(directory), spec, folder)
    assert content == from_batches
    assert isinstance(done, Built)
    assert isinstance(expected, Built)
    assert (done.stats.matched_by, done.stats.rows_matched) == (MatchedBy.COUNT, len(rows))
    assert replace(done.stats, as_of=None) == replace(expected.stats, as_of=None)


def test_large_files_are_encoded_in_parts(tmp_path: Path) -> None:
    start = datetime(2024, 2, 28, tzinfo=UTC)
    rows = [{"id": n, "text": f"text {n}", "moment": start + timedelta(seconds=n)} for n in range(70_000)]
    written(tmp_path / "a.parquet", rows, row_group_size=40_000)
    spec = spec_for_csv({"id": "integer", "text": "text", "moment": "timestamp"})
    with sources(tmp_path).open_lines(spec) as reading:
        assert reading
        parts = list(reading.lines())
        assert all(isinstance(part, Frame) and part.nbytes > 0 for part in parts)
        assert len(parts) > 2
    folder = tmp_path / "job"
    folder.mkdir()
    done, table = run(sources(tmp_path), spec, folder)
    assert isinstance(done, Built)
    assert table.splitlines()[1:] == [
        f"{n},text {n},{start + timedelta(seconds=n):%Y-%m-%dT%H:%M:%SZ}".encode() for n in range(70_000)
    ]


def test_a_moment_that_never_comes_is_found_in_any_part(tmp_path: Path) -> None:
    days = pa.array([0] * 60_000 + [2**31 - 1], pa.int32()).view(pa.date32())
    pq.write_table(pa.table({"id": range(60_001), "date": days}), tmp_path / "a.parquet", row_group_size=25_000)
    spec = spec_for_csv({"id": "integer", "date": "date"})
    assert has_frames(tmp_path, spec)
    for policy, outcome in ((Invalid.REFUSE, Failure), (Invalid.NULL, Built)):
        columns = tuple(replace(column, invalid=policy) for column in spec.columns)
        folder = tmp_path / policy.name
        folder.mkdir()
        done, table = run(sources(tmp_path), replace(spec, columns=columns), folder)
        expected, from_batches = run_through_arrow(sources(tmp_path), replace(spec, columns=columns), folder)
        assert isinstance(done, outcome)
        assert table == from_batches
        if isinstance(done, Failure):
            assert done == expected


def changed(**changes: Any) -> JobSpec:
    return replace(spec_for_csv({"id": "integer", "text": "text"}), **changes)


def of_columns(**changes: Any) -> JobSpec:
    spec = changed()
    return replace(spec, columns=tuple(replace(column, **changes) for column in spec.columns))


@pytest.mark.parametrize(
    "spec",
    [
        changed(table=TableOptions(Format.XLSX)),
        changed(order=(OrderTerm("id"),), page=Page(0, 10)),
        changed(order=(OrderTerm("elsewhere"),)),
        changed(attachments=(ATTACHMENT,)),
        of_columns(mask=Mask.REDACT),
        of_columns(invalid=Invalid.TEXT),
    ],
)
def test_what_takes_more_than_decoding_is_read_as_batches(tmp_path: Path, spec: JobSpec) -> None:
    written(tmp_path / "a.parquet", [{"id": 1}])
    assert has_frames(tmp_path, changed())
    assert not has_frames(tmp_path, spec)


def test_a_second_attempt_and_csv_files_are_read_as_batches(tmp_path: Path) -> None:
    written(tmp_path / "a.parquet", [{"id": 1}])
    assert not has_frames(tmp_path, changed(), RowOptions(careful=True))
    (tmp_path / "a.csv").write_text("id,text\n1,a\n")
    spec = replace(changed(), relation=spec_of("csv", {}).relation, source=spec_of("csv", {}).source)
    with Sources({"things": CsvSettings("things", tmp_path)}).open_lines(spec) as reading:
        assert reading is None


def test_a_file_that_changes_meanwhile_fails_the_attempt(tmp_path: Path) -> None:
    written(tmp_path / "a.parquet", [{"id": n} for n in range(200_000)], row_group_size=50_000)
    with sources(tmp_path).open_lines(spec_for_csv({"id": "integer"})) as reading:
        assert reading
        lines = reading.lines()
        next(lines)
        written(tmp_path / "a.parquet", [{"id": n} for n in range(3)], row_group_size=1)
        with pytest.raises(SourceFailed) as failed:
            list(lines)
    assert failed.value.code == "SOURCE_CHANGED"


def test_days_far_from_now_are_the_same(tmp_path: Path) -> None:
    days = [date(1, 1, 1), date(1969, 12, 31), date(9999, 12, 31)]
    moments = [datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC) for day in days]
    rows = [{"id": n, "date": day, "moment": at} for n, (day, at) in enumerate(zip(days, moments, strict=True))]
    written(tmp_path / "a.parquet", rows)
    folder = tmp_path / "job"
    folder.mkdir()
    spec = spec_for_csv({"date": "date", "moment": "timestamp"})
    _, table = run(sources(tmp_path), spec, folder)
    assert table.splitlines()[1:] == [f"{day.isoformat()},{day.isoformat()}T23:59:59Z".encode() for day in days]


ORDERED = [name for name in COLUMNS if name != "float"]
TERMS = st.lists(
    st.builds(OrderTerm, st.sampled_from(ORDERED), descending=st.booleans(), nulls_first=st.booleans()),
    min_size=1,
    max_size=2,
)


@deep
@settings(max_examples=examples(40))
@given(rows=st.lists(ROW, max_size=12), terms=TERMS, group_rows=st.integers(1, 5))
def test_rows_in_order_are_those_of_duckdb(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], terms: list[OrderTerm], group_rows: int
) -> None:
    directory, folder = tmp_path_factory.mktemp("groups"), tmp_path_factory.mktemp("job")
    written(directory / "a.parquet", [{"id": n, **row} for n, row in enumerate(rows)], row_group_size=group_rows)
    for key in ((), ("id",)):
        order = (*terms, OrderTerm("id")) if key else tuple(terms)
        spec = replace(spec_for_csv(COLUMNS), order=order, key=key)
        assert has_frames(directory, spec)
        done, table = run(sources(directory), spec, folder)
        expected, from_batches = run_through_arrow(sources(directory), spec, folder)
        assert table == from_batches
        assert isinstance(done, Built)
        assert isinstance(expected, Built)


def found_in(directory: Path, spec: JobSpec, memory: MemoryLimits) -> WholeFiles:
    files = listed(ParquetSettings("things", directory), spec.relation.path, spec.filter)
    found = row_groups.whole(files, spec, memory, in_order=True)
    assert found
    return found


@pytest.mark.parametrize("descending", deep_but([False, True], True))
@pytest.mark.parametrize("nulls_first", deep_but([False, True], True))
@pytest.mark.parametrize("column", ["text", "date", "moment", "money", "small", "boolean"])
def test_many_rows_are_sorted_in_files(tmp_path: Path, column: str, *, descending: bool, nulls_first: bool) -> None:
    many = 3_000
    rows = [
        {
            "id": n,
            "text": f"{n * 7919 % many % 1500:x}é" if n % 9 else None,
            "date": date(1969, 1, 1) + timedelta(days=n * 7919 % many) if n % 9 else None,
            "moment": datetime(1969, 1, 1, tzinfo=UTC) + timedelta(hours=n * 7919 % many) if n % 9 else None,
            "money": Decimal(n * 7919 % many - 1500) / 10 if n % 9 else None,
            "small": n * 7919 % many if n % 9 else None,
            "boolean": n % 2 == 0 if n % 9 else None,
        }
        for n in range(many)
    ]
    written(tmp_path / "a.parquet", rows, row_group_size=500)
    spec = spec_for_csv({name: COLUMNS[name] for name in rows[0]})
    terms = (OrderTerm(column, descending=descending, nulls_first=nulls_first), OrderTerm("id"))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    found = found_in(tmp_path, spec, MemoryLimits(part_rows=500))
    place = [c.name for c in found.selection].index(column)
    if column == "boolean":
        with pytest.raises(TooUneven):
            list(sorted_frames.frames(found, terms, scratch, 20_000))
        assert not [*scratch.iterdir()]
        return
    parts = [*sorted_frames.frames(found, terms, scratch, 20_000)]
    assert len(parts) > 5
    assert not [*scratch.iterdir()]
    whole = pl.concat(parts)
    expected = pl.concat(found.frames()).sort(
        [f"c{place}", "c0"], descending=[descending, False], nulls_last=[not nulls_first, True]
    )
    assert whole.equals(expected)


def test_rows_of_one_value_are_duckdbs_to_sort(tmp_path: Path) -> None:
    rows = [{"id": n, "text": "the same", "long": "x" * 2_000} for n in range(40_000)]
    written(tmp_path / "a.parquet", rows, row_group_size=5_000, use_dictionary=False)
    spec = spec_for_csv({"text": "text", "id": "integer", "long": "text"})
    spec = replace(spec, order=(OrderTerm("text"), OrderTerm("id", descending=True)))
    folder = tmp_path / "job"
    folder.mkdir()
    done, table = run(sources(tmp_path), spec, folder)
    assert isinstance(done, Built)
    assert [line.split(b",")[1] for line in table.splitlines()[1:]] == [b"%d" % n for n in range(39_999, -1, -1)]


@pytest.mark.parametrize("threads", [1, 3])
def test_who_stops_early_leaves_neither_files_nor_threads(tmp_path: Path, threads: int) -> None:
    written(
        tmp_path / "a.parquet", [{"id": n, "text": f"{n * 7919 % 3_000:x}"} for n in range(3_000)], row_group_size=500
    )
    spec = spec_for_csv({"text": "text", "id": "integer"})
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    before = set(threading.enumerate())
    found = found_in(tmp_path, spec, MemoryLimits(part_rows=500))
    frames = sorted_frames.frames(found, (OrderTerm("text"),), scratch, 5_000, threads)
    first, second = next(frames), next(frames)
    assert first["c0"].to_list() == sorted(first["c0"])
    assert str(first["c0"].max()) <= str(second["c0"].min())
    assert [*scratch.iterdir()]
    frames.close()
    assert not [*scratch.iterdir()]
    assert set(threading.enumerate()) == before
