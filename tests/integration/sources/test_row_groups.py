"""Whole Parquet files that polars reads: the same rows as DuckDB's, and DuckDB wherever there is a doubt."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.spec import JobSpec, Operator, OrderTerm, Page, Relation, Term
from services.worker.sources.access import RowOptions
from services.worker.sources.errors import SourceFailed
from services.worker.sources.files.listing import listed
from services.worker.sources.files.memory import MemoryLimits
from services.worker.sources.files.settings import ParquetSettings
from services.worker.sources.files.source import FileSource
from services.worker.sources.files.whole import row_groups, small_file
from services.worker.sources.rows.reading import SnapshotReading
from tests.budget import examples
from tests.integration.sources.source_specs import ATTACHMENT, read, read_from, spec_of, type_of

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
TYPES: dict[str, pa.DataType] = {
    "id": pa.int64(),
    "text": pa.string(),
    "long": pa.large_string(),
    "small": pa.uint32(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "moment": pa.timestamp("us", "UTC"),
    "money": pa.decimal128(38, 6),
}
COLUMNS = {
    "id": "integer",
    "text": "text",
    "long": "text",
    "small": "integer",
    "float": "float",
    "boolean": "boolean",
    "date": "date",
    "moment": "timestamp",
    "money": "decimal(38,6)",
}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
ROW = st.fixed_dictionaries(
    {
        "text": st.none() | TEXTS,
        "long": st.none() | TEXTS,
        "small": st.none() | st.integers(0, 2**32 - 1),
        "float": st.none() | st.floats(allow_nan=False),
        "boolean": st.none() | st.booleans(),
        "date": st.none() | st.dates(),
        "moment": st.none() | st.datetimes(timezones=st.just(UTC)),
        "money": st.none() | st.decimals(-(10**30), 10**30, places=6),
    }
)


def written(path: Path, rows: list[dict[str, Any]], **options: Any) -> None:
    table = pa.Table.from_pylist(rows, pa.schema(TYPES.items()))
    pq.write_table(table, path, **options)


def decoded(directory: Path, spec: JobSpec, limits: MemoryLimits = MemoryLimits()) -> SnapshotReading | None:  # noqa: B008 - frozen
    """A reading of row groups; None where it is DuckDB that reads."""
    files = listed(ParquetSettings("things", directory), spec.relation.path, spec.filter)
    return row_groups.opened(files, spec, AS_OF, limits)


def source(directory: Path, options: RowOptions = RowOptions(), **limits: Any) -> FileSource:  # noqa: B008 - frozen
    return FileSource(ParquetSettings("things", directory), options, MemoryLimits(**limits))


NO_DUCKDB = {"usual": "no amount of memory"}
"""Limits with which DuckDB does not start."""


def whole(columns: dict[str, str], **changes: Any) -> JobSpec:
    return spec_of("parquet", columns, **{"order": (), **changes})


OPTIONS = st.fixed_dictionaries(
    {
        "row_group_size": st.integers(1, 5),
        "compression": st.sampled_from(["snappy", "zstd", "gzip", "none"]),
        "use_dictionary": st.booleans(),
        "data_page_version": st.sampled_from(["1.0", "2.0"]),
    }
)


@settings(max_examples=examples(60))
@given(rows=st.lists(ROW, max_size=12), options=OPTIONS)
def test_rows_are_those_that_duckdb_reads(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    directory = tmp_path_factory.mktemp("groups")
    for name, part in (("a", rows[: len(rows) // 2]), ("b", rows[len(rows) // 2 :])):
        numbered = [{"id": ord(name) * 100 + n, **row} for n, row in enumerate(part)]
        written(directory / f"{name}.parquet", numbered, **options)
    assert decoded(directory, whole(COLUMNS)) is not None
    assert read(directory, whole(COLUMNS)) == read(directory, spec_of("parquet", COLUMNS))


@settings(max_examples=examples(60))
@given(rows=st.lists(ROW, min_size=1, max_size=12), options=OPTIONS)
def test_a_small_file_alone_has_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    directory = tmp_path_factory.mktemp("small")
    written(directory / "a.parquet", [{"id": n, **row} for n, row in enumerate(rows)], **options)
    small = frames_of(directory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_file, "MAX_FILE_BYTES", 0)
        large = frames_of(directory)
    assert [frame.schema for frame in small] == [frame.schema for frame in large]
    assert all(one.equals(other) for one, other in zip(small, large, strict=True))


def frames_of(directory: Path) -> list[pl.DataFrame]:
    spec = whole(COLUMNS)
    found = row_groups.whole(
        listed(ParquetSettings("things", directory), spec.relation.path, spec.filter), spec, MemoryLimits()
    )
    assert found is not None
    return list(found.frames())


@pytest.mark.parametrize("with_threads", ["scan_parquet", "from_arrow"])
def test_a_small_file_is_read_once_and_never_by_threads_of_polars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_threads: str
) -> None:
    written(tmp_path / "a.parquet", [{"id": 1, "text": "x"}])
    monkeypatch.setattr(pl, with_threads, None)
    assert read(tmp_path, whole({"text": "text"})).rows == [{"text": "x"}]


@pytest.mark.parametrize("limit", ["MAX_FILE_BYTES", "MAX_ROWS", "MAX_DECODED_BYTES"])
def test_a_file_beyond_a_limit_is_not_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    written(tmp_path / "a.parquet", [{"id": 1}])
    monkeypatch.setattr(small_file, limit, 0)
    monkeypatch.setattr(small_file, "frame_of", None)
    assert read(tmp_path, whole({"id": "integer"})).rows == [{"id": 1}]


def test_texts_of_a_small_file_that_are_no_texts_are_not_passed_on(tmp_path: Path) -> None:
    ends, content = pa.array([0, 1], pa.int32()).buffers()[1], pa.py_buffer(b"\xff")
    text = pa.Array.from_buffers(pa.string(), 1, [None, ends, content])
    pq.write_table(pa.table({"text": text}), tmp_path / "a.parquet")
    assert decoded(tmp_path, whole({"text": "text"})) is None
    with pytest.raises(SourceFailed):
        read(tmp_path, whole({"text": "text"}))


def test_the_source_reads_so(tmp_path: Path) -> None:
    written(tmp_path / "a.parquet", [{"id": 1}])
    assert read_from(source(tmp_path, **NO_DUCKDB), whole({"ID": "integer"})).rows == [{"ID": 1}]


def test_columns_come_as_often_and_in_the_order_in_which_they_are_asked_for(tmp_path: Path) -> None:
    written(tmp_path / "a.parquet", [{"id": 1, "text": "x"}])
    spec = whole({"text": "text", "id": "integer"})
    again = replace(spec.columns[0], field="again")
    spec = replace(spec, columns=(*spec.columns, again))
    assert read(tmp_path, spec).rows == [{"text": "x", "id": 1, "again": "x"}]


@pytest.mark.parametrize("rows_at_once", [1, 4, 5, 1_000])
def test_row_groups_are_read_in_order_however_many_at_once(tmp_path: Path, rows_at_once: int) -> None:
    written(tmp_path / "a.parquet", [{"id": n} for n in range(10)], row_group_size=2)
    done = read_from(source(tmp_path, part_rows=rows_at_once), whole({"id": "integer"}))
    assert [row["id"] for row in done.rows] == list(range(10))
    assert (done.matched, done.total) == (10, 10)


@pytest.mark.parametrize(
    "change",
    [
        {"order": (OrderTerm("id"),)},
        {"filter": Term("id", type_of("integer"), Operator.EQUALS, (1,))},
        {"page": Page(1, 0)},
        {"attachments": (ATTACHMENT,)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_takes_more_than_decoding_is_duckdbs(tmp_path: Path, change: dict[str, Any]) -> None:
    written(tmp_path / "a.parquet", [{"id": 1}])
    assert decoded(tmp_path, whole({"id": "integer"})) is not None
    assert decoded(tmp_path, whole({"id": "integer"}, **change)) is None


@pytest.mark.parametrize(
    ("type_", "array"),
    [
        ("text", pa.array(["x"]).dictionary_encode()),
        ("text", pa.array([1])),
        ("text", pa.array([b"x"])),
        ("integer", pa.array([1], pa.uint64())),
        ("integer", pa.array([1.0])),
        ("decimal(18,2)", pa.array([Decimal("1.00")], pa.decimal128(9, 2))),
        ("float", pa.array([1.0], pa.float32())),
        ("timestamp", pa.array([1], pa.timestamp("us"))),
        ("timestamp", pa.array([1], pa.timestamp("us", "America/Lima"))),
        ("timestamp", pa.array([1], pa.timestamp("ns", "UTC"))),
        ("timestamp", pa.array([date(2026, 1, 1)])),
        ("time", pa.array([1], pa.time64("us"))),
        ("json", pa.array(["{}"])),
    ],
)
def test_what_is_stored_as_another_type_is_duckdbs(tmp_path: Path, type_: str, array: pa.Array) -> None:
    pq.write_table(pa.table({"v": array}), tmp_path / "a.parquet")
    assert decoded(tmp_path, whole({"v": type_})) is None


def _wide(directory: Path) -> None:
    written(directory / "a.parquet", [{"id": n, "text": "x" * 1_000} for n in range(100)], use_dictionary=False)


def _of_folders(directory: Path) -> None:
    (directory / "year=2026").mkdir()
    written(directory / "year=2026" / "a.parquet", [{"id": 1}])


def _of_one_name(directory: Path) -> None:
    pq.write_table(pa.table([[1], [2]], ["id", "ID"]), directory / "a.parquet")


def _of_one_name_elsewhere(directory: Path) -> None:
    pq.write_table(pa.table([[1], [2], [3]], ["id", "x", "X"]), directory / "a.parquet")


def _with_a_name_that_is_no_text(directory: Path) -> None:
    path = directory / "a.parquet"
    pq.write_table(pa.table({"id": [1], "xx": [1]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"xx", b"x\xff"))


def _with_another_column(directory: Path) -> None:
    written(directory / "a.parquet", [{"id": 1}])
    pq.write_table(pa.table({"id": ["1"]}), directory / "b.parquet")


def _cut_off(directory: Path) -> None:
    _wide(directory)
    path = directory / "a.parquet"
    path.write_bytes(path.read_bytes()[:-10])


def _broken(directory: Path) -> None:
    _wide(directory)
    path = directory / "a.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:4] + bytes(1_000) + content[1_004:])


@pytest.mark.parametrize(
    "made",
    [
        _wide,
        _of_folders,
        _of_one_name,
        _of_one_name_elsewhere,
        _with_a_name_that_is_no_text,
        _with_another_column,
        _cut_off,
        _broken,
    ],
)
def test_files_that_are_not_plain_and_small_are_duckdbs(tmp_path: Path, made: Callable[[Path], None]) -> None:
    made(tmp_path)
    spec = whole({"id": "integer"}, relation=Relation(path="**/*.parquet"))
    assert decoded(tmp_path, spec, MemoryLimits(part_bytes=50_000)) is None


@pytest.mark.parametrize(("stored", "asked"), [("ñ", "Ñ"), ("ß", "SS")])
def test_names_are_those_that_duckdb_takes_for_the_same(tmp_path: Path, stored: str, asked: str) -> None:
    pq.write_table(pa.table({stored: [1]}), tmp_path / "a.parquet")
    assert decoded(tmp_path, whole({stored: "integer"})) is not None
    assert decoded(tmp_path, whole({asked: "integer"})) is None


def test_texts_that_take_nothing_in_the_file_are_duckdbs(tmp_path: Path) -> None:
    texts = pa.table({"text": ["a" * 1_000 + str(n) for n in range(9)]})
    encoding = {"text": "DELTA_BYTE_ARRAY"}
    pq.write_table(texts, tmp_path / "a.parquet", use_dictionary=False, column_encoding=encoding)
    assert decoded(tmp_path, whole({"text": "text"})) is None


def test_a_row_group_that_says_fewer_rows_than_it_has_loses_none(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": range(90)}), path, row_group_size=30, use_dictionary=False, write_statistics=False)
    content = path.read_bytes()
    thirty, twenty = b"\x16\x3c", b"\x16\x28"  # in the footer, a number of 64 bits: of values in a chunk, then of rows
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    values = content.index(thirty, footer)
    rows = content.index(thirty, values + 1)
    path.write_bytes(content[:rows] + twenty + content[rows + 2 :])
    assert [pq.read_metadata(path).row_group(n).num_rows for n in range(3)] == [20, 30, 30]
    assert decoded(tmp_path, whole({"id": "integer"})) is None
    with pytest.raises(SourceFailed):
        read(tmp_path, whole({"id": "integer"}))


def test_a_careful_source_leaves_all_to_duckdb(tmp_path: Path) -> None:
    written(tmp_path / "a.parquet", [{"id": 1}])
    spec, careful = whole({"id": "integer"}), RowOptions(careful=True)
    assert read_from(source(tmp_path, careful), spec).rows == [{"id": 1}]
    with pytest.raises(duckdb.Error):
        read_from(source(tmp_path, careful, **NO_DUCKDB), spec)


def test_a_file_that_is_broken_further_on_fails_for_good(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rows = [{"id": n, "text": f"{n:0100}"} for n in range(1_000)]
    written(path, rows, row_group_size=500, use_dictionary=False, compression="zstd")
    content = bytearray(path.read_bytes())
    chunk = pq.read_metadata(path).row_group(1).column(1)
    middle = chunk.data_page_offset + 40
    content[middle : middle + 400] = bytes(400)
    path.write_bytes(content)
    with pytest.raises(SourceFailed) as failed:
        read_from(source(tmp_path, part_rows=500), whole({"id": "integer", "text": "text"}))
    assert failed.value.code == "RELATION_INVALID"


def test_a_file_that_changes_meanwhile_fails_the_attempt(tmp_path: Path) -> None:
    written(tmp_path / "a.parquet", [{"id": n} for n in range(10)], row_group_size=2)
    spec = whole({"id": "integer"})
    with source(tmp_path, part_rows=2).read(spec) as reading:
        batches = reading.batches()
        next(batches)
        written(tmp_path / "a.parquet", [{"id": n} for n in range(3)], row_group_size=1)
        with pytest.raises(SourceFailed) as failed:
            list(batches)
    assert failed.value.code == "SOURCE_CHANGED"
