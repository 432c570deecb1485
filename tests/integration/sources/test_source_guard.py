"""What holds for the rows of every source: the limit of an export, and masks."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.contract.spec import JobSpec, Limits, Mask, Operator, Page, Term
from services.runtime.toml import FileError
from services.worker.sources.errors import SourceFailed
from services.worker.sources.files.settings import ParquetSettings
from services.worker.sources.kind import SourceSettings
from services.worker.sources.settings import read_mask_key
from services.worker.sources.sources import Sources
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from tests.integration.sources.source_specs import read, spec_of, type_of

ROWS = [(n, f"MX{n:010}", Decimal(n) / 100) for n in range(50_000)]
LONG = Term("d", type_of("decimal(18,2)"), Operator.GREATER_OR_EQUAL, (Decimal("100.00"),))
"""40,000 rows match, which SQLite can't count."""


def sqlite(directory: Path) -> SourceSettings:
    path = directory / "things.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table t (id integer primary key, t text, d decimal(18,2))")
        connection.executemany("insert into t values (?, ?, ?)", ((n, t, str(d)) for n, t, d in ROWS))
    return SqliteSettings("things", path)


def parquet(directory: Path) -> SourceSettings:
    names = ["id", "t", "d"]
    pq.write_table(pa.table([list(c) for c in zip(*ROWS, strict=True)], names), directory / "a.parquet")
    return ParquetSettings("things", directory)


@pytest.fixture(scope="module", params=[sqlite, parquet], ids=lambda build: build.__name__)
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SourceSettings:
    built: SourceSettings = request.param(tmp_path_factory.mktemp("source"))
    return built


def spec_for(source: SourceSettings, **changes: object) -> JobSpec:
    spec = spec_of(source.kind, {"id": "integer", "t": "text"})
    return replace(spec, **changes)  # type: ignore[arg-type]


def test_as_many_rows_as_the_limit_are_read(source: SourceSettings) -> None:
    assert read(source, spec_for(source, limits=Limits(max_rows=50_000))).matched == 50_000
    assert read(source, spec_for(source, limits=Limits(max_rows=40_000), filter=LONG)).matched == 40_000


def test_a_limit_that_is_exceeded_says_by_how_many_before_anything_is_read(source: SourceSettings) -> None:
    spec = spec_for(source, limits=Limits(max_rows=49_999))
    opened = Sources({"things": source}).open_rows(spec.source)
    with pytest.raises(SourceFailed) as failed, opened.read(spec):
        pytest.fail("it was opened")
    assert failed.value.code == "LIMIT_EXCEEDED"
    assert failed.value.message == "The filter matches 50000 rows; the limit max_rows is 49999."


def test_a_limit_that_is_exceeded_by_rows_that_nobody_counted(source: SourceSettings) -> None:
    with pytest.raises(SourceFailed, match=r"matches (at least )?\d{5} rows; the limit max_rows is 10000") as failed:
        read(source, spec_for(source, limits=Limits(max_rows=10_000), filter=LONG))
    assert failed.value.code == "LIMIT_EXCEEDED"


def test_the_limit_is_on_the_page(source: SourceSettings) -> None:
    for filters in ({}, {"filter": LONG}):
        done = read(source, spec_for(source, limits=Limits(max_rows=30), page=Page(60, 30), **filters))
        assert done.matched == len(done.rows) == 30


def test_rows_leave_masked_though_filters_and_orders_see_them(source: SourceSettings) -> None:
    spec = spec_for(source, filter=Term("t", type_of("text"), Operator.EQUALS, ("MX0000000007",)))
    columns = tuple(replace(c, mask=Mask.LAST4 if c.name == "t" else Mask.REDACT) for c in spec.columns)
    opened = Sources({"things": source}).open_rows(spec.source)
    with opened.read(replace(spec, columns=columns)) as reading:
        rows = [row for batch in reading.batches() for row in batch.to_pylist()]
        assert reading.rows_matched() == 1
    assert rows == [{"id": "***", "t": "********0007"}]


def test_a_column_to_be_hashed_needs_the_key(source: SourceSettings, tmp_path: Path) -> None:
    spec = spec_for(source, page=Page(0, 2))
    spec = replace(spec, columns=(spec.columns[0], replace(spec.columns[1], mask=Mask.HASH)))
    with pytest.raises(SourceFailed, match="MASK_KEY_MISSING"):
        read(source, spec)
    for content in (None, b" \n"):
        if content:
            (tmp_path / "key").write_bytes(content)
        with pytest.raises(FileError, match="key has 1 mistake"):
            read_mask_key(tmp_path / "key")
    (tmp_path / "key").write_bytes(b"key-of-tests\n")
    sources = Sources({"things": source}, read_mask_key(tmp_path / "key"))
    assert "key-of-tests" not in repr(sources)
    with sources.open_rows(spec.source).read(spec) as reading:
        hashes = [row["t"] for batch in reading.batches() for row in batch.to_pylist()]
    assert len(set(hashes)) == 2
    assert all(len(h) == 64 for h in hashes)
