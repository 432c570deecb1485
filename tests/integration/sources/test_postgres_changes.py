"""Rows that others insert and delete while an export is read: what is there throughout is there once."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.contract.outcome import Consistency, MatchedBy
from services.contract.spec import JobSpec, Operator, OrderTerm, ReadingMode, Term
from services.worker.sources.errors import SourceFailed
from services.worker.sources.kind import SourceSettings
from services.worker.sources.sources import Sources
from services.worker.sources.sql.keyset import PAGE_ROWS
from services.worker.sources.sql.mysql.settings import MysqlSettings
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from tests.integration.sources.source_specs import opened, spec_of, type_of
from tests.servers import databases, mariadb
from tests.tiers import deep, deep_but

ROWS = 3 * PAGE_ROWS
"""With keys 0, 10, 20, …: there is room between and behind them."""
CHANGES = (
    "delete from t where id % 100 = 50",
    f"insert into t select id + 5, 'new' from t where id % 100 = 0 and id < {ROWS * 10}",
    f"insert into t select id + {ROWS * 10}, 'new' from t where id % 1000 = 0 and id < {ROWS * 10}",
    "update t set v = 'changed' where id % 100 = 20",
)

Change = Callable[[], None]
Database = tuple[SourceSettings, Change]


def sqlite_database(directory: Path) -> Database:
    path = directory / "things.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table t (id integer primary key, v text)")
        connection.executemany("insert into t values (?, 'old')", ((i * 10,) for i in range(ROWS)))
    return SqliteSettings("things", path), lambda: change_from_another_process(path)


def change_from_another_process(path: Path) -> None:
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    script = "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as c:\n  [c.execute(s) for s in sys.argv[2:]]"
    subprocess.run([sys.executable, "-c", script, path, *CHANGES], check=True)


def postgres_database(_: Path) -> Database:
    url = databases.new_database(
        "create table t (id bigint primary key, v text)",
        f"insert into t select i * 10, 'old' from generate_series(0, {ROWS - 1}) as i",
    )
    return PostgresSettings("things", url), lambda: databases.run(url, *CHANGES)


def mariadb_database(_: Path) -> Database:
    url = mariadb.new_database(
        "create table t (id bigint primary key, v text)",
        f"insert into t select seq * 10, 'old' from seq_0_to_{ROWS - 1}",
    )
    name = url.partition("?")[0].rpartition("/")[2]
    settings = MysqlSettings("things", url.replace("mysql:", "mysql+pymysql:"))
    return settings, lambda: mariadb.run(name, *CHANGES)


DATABASES = deep_but(
    [sqlite_database, postgres_database, pytest.param(mariadb_database, marks=mariadb.needed)],
    sqlite_database,
    postgres_database,
)


KINDS = ["sqlite", "postgres", "mariadb"]


@pytest.fixture(params=DATABASES, ids=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    made: Database = request.param(tmp_path)
    return made


@pytest.fixture(scope="module", params=DATABASES, ids=KINDS)
def unchanged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SourceSettings:
    """For tests that only read."""
    settings, _ = request.param(tmp_path_factory.mktemp("unchanged"))
    made: SourceSettings = settings
    return made


def spec(mode: ReadingMode, **changes: Any) -> JobSpec:
    return replace(spec_of("sql", {"id": "integer", "v": "text"}), reading=mode, **changes)


def read_while_it_changes(database: Database, job: JobSpec) -> tuple[list[tuple[int, str]], Consistency, int]:
    settings, change = database
    with opened(settings, job) as reading:
        rows: list[tuple[int, str]] = []
        batches: Iterator[Any] = reading.batches()
        for number, batch in enumerate(batches):
            rows += [(row["id"], row["v"]) for row in batch.to_pylist()]
            if number == 0:
                change()  # the first rows are out, the others are not
        return rows, reading.consistency, reading.rows_matched()


def test_a_snapshot_is_what_was_there_at_its_moment(database: Database) -> None:
    rows, consistency, matched = read_while_it_changes(database, spec(ReadingMode.SNAPSHOT))
    assert rows == [(i * 10, "old") for i in range(ROWS)]
    assert (consistency, matched) == (Consistency.SNAPSHOT, ROWS)


def test_by_key_no_row_is_doubled_and_none_that_stays_is_missing(database: Database) -> None:
    rows, consistency, matched = read_while_it_changes(database, spec(ReadingMode.KEYSET))
    keys = [key for key, _ in rows]
    assert keys == sorted(set(keys))
    stays = {i * 10 for i in range(ROWS) if i * 10 % 100 != 50}
    assert stays <= set(keys)
    assert len(keys) > len(stays)  # the first piece still had some of those that went
    assert any(value == "new" for _, value in rows)  # and the later ones what had come
    assert (consistency, matched) == (Consistency.KEYSET, len(rows))


def test_by_key_with_a_filter_that_is_decided_here(unchanged: SourceSettings) -> None:
    term = Term("v", type_of("text"), Operator.EQUALS, ("OLD",), ignore_case=True)
    job = spec(ReadingMode.KEYSET, filter=term)
    with opened(unchanged, job) as reading:
        assert sum(batch.num_rows for batch in reading.batches()) == reading.rows_matched() == ROWS
        assert (reading.as_of, reading.matched_by) == (None, MatchedBy.END_OF_STREAM)


@pytest.mark.parametrize(
    "order",
    [
        (OrderTerm("v"), OrderTerm("id")),
        pytest.param((OrderTerm("id", descending=True),), marks=deep),
        pytest.param((), marks=deep),
    ],
)
def test_by_key_there_is_no_other_order(unchanged: SourceSettings, order: tuple[OrderTerm, ...]) -> None:
    job = spec(ReadingMode.KEYSET, order=order)
    source = Sources({"things": unchanged}).open_rows(job.source)
    with pytest.raises(SourceFailed) as failed, source.read(job):
        pass
    assert failed.value.code == "ORDER_NOT_BY_KEY"


def keys_by_key(settings: SourceSettings, key: tuple[str, ...]) -> list[tuple[Any, ...]]:
    columns = dict.fromkeys(key, "text")
    job = replace(spec_of("sql", columns), key=key, order=tuple(OrderTerm(k) for k in key), reading=ReadingMode.KEYSET)
    with opened(settings, job) as reading:
        return [tuple(row.values()) for batch in reading.batches() for row in batch.to_pylist()]


def test_keys_of_several_columns_and_of_text(tmp_path: Path) -> None:
    path = tmp_path / "k.sqlite3"
    rows = [(f"o'{i % 7}", i) for i in range(PAGE_ROWS + 100)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table t (a text, b, primary key (a, b))")
        connection.executemany("insert into t values (?, ?)", rows)
    url = databases.new_database(
        "create table t (a text, b integer, primary key (a, b))",
        f"insert into t select 'o''' || i % 7, i from generate_series(0, {PAGE_ROWS + 99}) as i",
    )
    expected = [(a, str(b)) for a, b in sorted(rows)]
    assert keys_by_key(SqliteSettings("things", path), ("a", "b")) == expected
    assert keys_by_key(PostgresSettings("things", url), ("a", "b")) == expected


@pytest.mark.parametrize("first", [0, PAGE_ROWS - 1], ids=["within a piece", "at its end"])
def test_rows_that_share_a_key_are_refused(tmp_path: Path, first: int) -> None:
    path = tmp_path / "k.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table t (n)")
        connection.executemany("insert into t values (?)", ((i - (i == first + 1),) for i in range(PAGE_ROWS + 100)))
    url = databases.new_database(
        "create table t (n integer)",
        f"insert into t select i - (i = {first + 1})::integer from generate_series(0, {PAGE_ROWS + 99}) i",
    )
    assert_ambiguous(SqliteSettings("things", path))
    assert_ambiguous(PostgresSettings("things", url))


def test_no_row_is_lost_behind_a_key_that_is_the_same_to_the_database_only(tmp_path: Path) -> None:
    last = PAGE_ROWS - 1
    path = tmp_path / "k.sqlite3"
    texts = [*(f"{i:06}a" for i in range(PAGE_ROWS)), f"{last:06}A", "999999"]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table t (n text collate nocase)")
        connection.executemany("insert into t values (?)", zip(texts, strict=True))
    url = databases.new_database(
        "create table t (n numeric)",
        f"insert into t select i from generate_series(0, {last}) i",
        f"insert into t values ({last}.00), (999999)",
    )
    assert_ambiguous(SqliteSettings("things", path))
    assert_ambiguous(PostgresSettings("things", url))


def assert_ambiguous(settings: SourceSettings) -> None:
    with pytest.raises(SourceFailed, match="several rows with one") as failed:
        keys_by_key(settings, ("n",))
    assert failed.value.code == "RELATION_INVALID"
