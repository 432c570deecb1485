"""Timestamps without a zone are on the clocks of the source's own: alike in every kind of source."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.contract.spec import All, Operator, OrderTerm, Term
from services.worker.sources.files.settings import CsvSettings, ParquetSettings
from services.worker.sources.kind import SourceSettings
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from tests.integration.sources.source_specs import read, spec_of, type_of
from tests.tiers import deep_but

ZONE = "America/New_York"
STORED = {
    "2026-01-31T23:30:00": datetime(2026, 2, 1, 4, 30, tzinfo=UTC),
    "2026-07-01 12:00:00.000001": datetime(2026, 7, 1, 16, 0, 0, 1, UTC),
    "2026-11-01 01:30:00": datetime(2026, 11, 1, 6, 30, tzinfo=UTC),  # clocks showed it twice: the second time
    "2026-03-08 02:30:00": datetime(2026, 3, 8, 7, 30, tzinfo=UTC),  # they never did: half past three
    "2026-03-09": datetime(2026, 3, 9, 4, tzinfo=UTC),
}
ZONED = {
    "2026-01-31T23:30:00Z": datetime(2026, 1, 31, 23, 30, tzinfo=UTC),
    "2026-01-31T23:30:00+05:30": datetime(2026, 1, 31, 18, tzinfo=UTC),
}
TEXTS = {**STORED, **ZONED}


def sqlite(directory: Path, texts: dict[str, datetime]) -> SourceSettings:
    path = directory / "things.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table t (id integer primary key, at text)")
        connection.executemany("insert into t values (?, ?)", enumerate(texts))
    return SqliteSettings("things", path)


def csv_file(directory: Path, texts: dict[str, datetime]) -> SourceSettings:
    (directory / "a.csv").write_text("id,at\n" + "".join(f"{i},{text}\n" for i, text in enumerate(texts)))
    return CsvSettings("things", directory)


def parquet_of_texts(directory: Path, texts: dict[str, datetime]) -> SourceSettings:
    pq.write_table(pa.table({"id": range(len(texts)), "at": list(texts)}), directory / "a.parquet")
    return ParquetSettings("things", directory)


Build = Callable[[Path, dict[str, datetime]], SourceSettings]


def of_texts(build: Build, directory: Path, texts: dict[str, datetime]) -> SourceSettings:
    return replace(build(directory, texts), time_zone=ZONE)


@pytest.mark.parametrize("texts", [STORED, TEXTS], ids=["zoneless", "both"])
@pytest.mark.parametrize("build", [sqlite, csv_file, parquet_of_texts])
def test_texts(tmp_path: Path, build: Build, texts: dict[str, datetime]) -> None:
    source = of_texts(build, tmp_path, texts)
    done = read(source, spec_of(source.kind, {"at": "timestamp"}))
    assert [row["at"] for row in done.rows] == list(texts.values())


@pytest.mark.parametrize("build", deep_but([sqlite, csv_file, parquet_of_texts], sqlite, csv_file))
def test_a_filter_compares_moments(tmp_path: Path, build: Build) -> None:
    source = of_texts(build, tmp_path, TEXTS)
    for moment in TEXTS.values():
        for operator, expected in (
            (Operator.EQUALS, [moment]),
            (Operator.LESS, [m for m in TEXTS.values() if m < moment]),
            (Operator.GREATER_OR_EQUAL, [m for m in TEXTS.values() if m >= moment]),
        ):
            filter_ = All((Term("at", type_of("timestamp"), operator, (moment,)),))
            done = read(source, spec_of(source.kind, {"at": "timestamp"}, filter=filter_))
            assert [row["at"] for row in done.rows] == expected


def test_timestamps_of_parquet(tmp_path: Path) -> None:
    local = pa.array([datetime.fromisoformat(text) for text in STORED], pa.timestamp("us"))
    zoned = pa.array(list(STORED.values()), pa.timestamp("us", "Asia/Tokyo"))
    pq.write_table(pa.table({"id": range(len(STORED)), "local": local, "zoned": zoned}), tmp_path / "a.parquet")
    source = ParquetSettings("things", tmp_path, time_zone=ZONE)
    order = (OrderTerm("local"), OrderTerm("id"))
    done = read(source, spec_of("parquet", {"local": "timestamp", "zoned": "timestamp"}, order=order))
    assert [row["local"] for row in done.rows] == sorted(STORED.values())
    assert [row["zoned"] for row in done.rows] == sorted(STORED.values())
