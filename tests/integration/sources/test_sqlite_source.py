"""How a SQLite source behaves while others write, and what it says when it can't be read."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from services.contract.outcome import Consistency, MatchedBy
from services.contract.spec import All, ColumnType, Kind, Operator, OrderTerm, Relation, SourceRef, Term
from services.worker.sources.errors import SourceFailed
from services.worker.sources.sources import Sources
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from tests.integration.sources.source_specs import Fill, opened, read, spec_of

INSERT = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as connection:
    connection.executemany("insert into t values (?, 'new')", ((i,) for i in range(100_000, 100_500)))
    connection.execute("delete from t where id < 10")
"""


def insert_from_another_process(path: Path) -> None:
    subprocess.run([sys.executable, "-c", INSERT, path], check=True)


def test_a_reading_keeps_its_snapshot_while_another_process_writes(sqlite_table: Fill) -> None:
    path = sqlite_table("id integer primary key, v text", ((i, "old") for i in range(50_000)))
    settings = SqliteSettings("things", path)
    spec = spec_of("sql", {"id": "integer", "v": "text"})
    with opened(settings, spec) as reading:
        assert (reading.rows_total, reading.consistency) == (50_000, Consistency.SNAPSHOT)
        insert_from_another_process(path)  # after the count, before the rows
        batches = reading.batches()
        rows = next(batches).num_rows
        rows += sum(b.num_rows for b in batches)
        assert rows == reading.rows_matched() == 50_000
    assert read(path, spec).matched == 50_490


def test_a_reading_may_be_left_in_the_middle(sqlite_table: Fill) -> None:
    path = sqlite_table("id integer primary key", ((i,) for i in range(50_000)))
    settings = SqliteSettings("things", path)
    spec = spec_of("sql", {"id": "integer"})
    with opened(settings, spec) as reading:
        assert next(reading.batches()).num_rows > 0
    assert read(path, spec).matched == 50_000


def test_a_view_is_read_like_a_table(sqlite_table: Fill) -> None:
    path = sqlite_table("id integer primary key, v real", [(1, 0.1), (2, 0.2)])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create view w as select max(id) as id, sum(v) as total from t")
    total = spec_of("sql", {"total": "decimal(9,2)"}, relation=Relation(table="w"))
    assert read(path, total).rows == [{"total": Decimal("0.30")}]


def failure(path: Path, **changes: object) -> SourceFailed:
    with pytest.raises(SourceFailed) as failed:
        read(path, spec_of("sql", {"v": "text"}, **changes))  # type: ignore[arg-type]
    assert str(path) not in failed.value.message
    assert "select" not in failed.value.message
    return failed.value


def test_an_absent_database_may_come_back(tmp_path: Path) -> None:
    assert failure(tmp_path / "none.sqlite3").code == "SOURCE_UNAVAILABLE"
    assert not (tmp_path / "none.sqlite3").exists()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "bad.sqlite3").write_text("hello " * 1_000)
    assert failure(tmp_path / "bad.sqlite3").code == "SOURCE_UNAVAILABLE"


@pytest.mark.parametrize("relation", [Relation(table="nope"), Relation(query="select * from nope")])
def test_a_missing_relation(sqlite_table: Fill, relation: Relation) -> None:
    failed = failure(sqlite_table("id, v", []), relation=relation)
    assert failed.code == "RELATION_MISSING"


def test_every_missing_column_is_named(sqlite_table: Fill) -> None:
    term = Term("owner", ColumnType(Kind.TEXT), Operator.EQUALS, ("x",))
    failed = failure(sqlite_table("id", [(1,)]), filter=term, order=(OrderTerm("at"), OrderTerm("id")))
    assert failed.code == "COLUMN_MISSING"
    assert failed.message == "The source 'things' lacks: v, owner, at."


def test_a_closed_file_is_read_in_a_path_of_odd_characters(sqlite_table: Fill, tmp_path: Path) -> None:
    odd = tmp_path / "a?b#c%20d.sqlite3"
    sqlite_table("id integer primary key", [(1,)]).rename(odd)
    assert read(odd, spec_of("sql", {"id": "integer"})).rows == [{"id": 1}]


def test_a_value_that_is_not_of_its_type_is_found_in_a_filter_too(sqlite_table: Fill) -> None:
    path = sqlite_table("id integer primary key, at", [(1, "2026-01-01T00:00:00Z"), (2, "soon")])
    late = Term("at", ColumnType(Kind.TIMESTAMP), Operator.GREATER, (datetime(2027, 1, 1, tzinfo=UTC),))
    with pytest.raises(SourceFailed, match=r"'at', which the filter compares, .*: 'soon', where id is '2'"):
        read(path, spec_of("sql", {"id": "integer"}, filter=late))


def test_only_rows_that_may_match_are_asked_about(sqlite_table: Fill) -> None:
    path = sqlite_table("id integer primary key, owner text, n", [(1, "a", 5), (2, "a", 6), (3, "b", "many")])
    mine = Term("owner", ColumnType(Kind.TEXT), Operator.EQUALS, ("a",))
    over = Term("n", ColumnType(Kind.INTEGER), Operator.GREATER, (5,))
    done = read(path, spec_of("sql", {"id": "integer", "n": "integer"}, filter=All((mine, over))))
    assert (done.rows, done.matched_by) == ([{"id": 2, "n": 6}], MatchedBy.COUNT)


@pytest.mark.parametrize("ref", [SourceRef("other", "sql"), SourceRef("things", "csv"), SourceRef("things", "folder")])
def test_a_source_of_another_id_or_kind_is_unknown(tmp_path: Path, ref: SourceRef) -> None:
    sources = Sources({"things": SqliteSettings("things", tmp_path)})
    for opening in (sources.open_rows, sources.files):
        with pytest.raises(SourceFailed) as failed:
            opening(ref)  # type: ignore[operator]
        assert failed.value.code == "SOURCE_UNKNOWN"
