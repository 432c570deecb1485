"""A database that is read through SQLAlchemy: DuckDB, by its dialect. Filters and values: test_source_filters.py."""

import gc
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from services.contract.outcome import Consistency, MatchedBy
from services.contract.spec import Limits, Operator, ReadingMode, Relation, Term
from services.worker.sources.errors import SourceFailed
from services.worker.sources.kind import SourceSettings
from services.worker.sources.rows.reading import BATCH_ROWS
from services.worker.sources.sql.other.settings import OtherSqlSettings
from tests.integration.sources.source_specs import opened, read, spec_of, type_of


@pytest.fixture
def source(tmp_path: Path) -> SourceSettings:
    file = tmp_path / "things.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("create table t as select i as id, 'v' || i % 3 as v from range(50000) as r(i)")
        connection.execute("create schema s; create table s.t as select 1 as id, interval 90 second as v")
    return OtherSqlSettings("things", f"duckdb:///{file}")


def test_rows_come_in_batches(source: SourceSettings) -> None:
    spec = spec_of("sql", {"id": "integer", "v": "text"})
    with opened(source, spec) as reading:
        sizes = [batch.num_rows for batch in reading.batches()]
        assert (sum(sizes), max(sizes), reading.rows_matched()) == (50_000, BATCH_ROWS, 50_000)
        assert (reading.consistency, reading.matched_by) == (Consistency.SNAPSHOT, MatchedBy.END_OF_STREAM)


def test_a_table_of_a_schema_and_a_query(source: SourceSettings) -> None:
    named = spec_of("sql", {"v": "duration"}, relation=Relation(table="s.t"))
    assert [r["v"].total_seconds() for r in read(source, named).rows] == [90]
    term = Term("v", type_of("text"), Operator.EQUALS, ("v1",))
    query = Relation(query="select id, v from t where id < 10;")
    asked = spec_of("sql", {"id": "integer"}, relation=query, filter=term)
    assert [r["id"] for r in read(source, asked).rows] == [1, 4, 7]


def test_a_reading_that_is_left_early_ends_its_statement(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a").touch()
    settings = OtherSqlSettings("things", f"sqlite+pysqlite:///{tmp_path}/a")
    query = Relation(query="select 1 as id, 'x' as v")
    with opened(settings, spec_of("sql", {"id": "integer"}, relation=query)) as reading:
        batches = reading.batches()
        next(batches)
    del batches, reading
    gc.collect()
    assert caplog.messages == []


def failure(source: SourceSettings, **changes: Any) -> SourceFailed:
    with pytest.raises(SourceFailed) as failed:
        read(source, replace(spec_of("sql", {"id": "integer"}), **changes))
    return failed.value


def test_what_cannot_be_read(source: SourceSettings) -> None:
    assert failure(source, reading=ReadingMode.KEYSET).code == "READING_UNSUPPORTED"
    assert failure(source, relation=Relation(table="nope")).code == "RELATION_MISSING"
    assert failure(source, key=("no",), order=(), relation=Relation(query="select 1 as x")).code == "COLUMN_MISSING"
    absent = replace(source, url="nothing+at_all://me:hunter2@host/db")
    assert (failed := failure(absent)).code == "SOURCE_UNAVAILABLE"
    assert "hunter2" not in f"{failed} {failed.__cause__}"


def test_a_reading_that_takes_too_long_ends(source: SourceSettings) -> None:
    spec = replace(spec_of("sql", {"id": "integer"}), limits=Limits())
    quick = replace(source, statement_timeout_s=1e-9)
    with pytest.raises(SourceFailed, match="READING_TOO_LONG"):
        read(quick, spec)
