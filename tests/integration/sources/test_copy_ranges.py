"""Large tables that two connections copy side by side: the same bytes, one snapshot, one connection where need be."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import psycopg
import pytest

from services.contract.outcome import Built, Failure
from services.contract.spec import All, JobSpec, Operator, OrderTerm, Page, Relation, Term
from services.worker.ports import LinesReading
from services.worker.sources.access import RowOptions
from services.worker.sources.errors import SourceFailed
from services.worker.sources.rows.columns import order_types
from services.worker.sources.rows.conditions import Sql
from services.worker.sources.sql.postgres import dialect, ranges
from services.worker.sources.sql.postgres.session import connected
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.postgres.transaction import Transaction
from tests.integration.sources.copy_jobs import csv_spec, run, run_through_arrow, source
from tests.integration.sources.source_specs import type_of
from tests.patience import PATIENCE_S
from tests.servers import databases

COLUMNS = {"id": "integer", "name": "text", "day": "date", "at": "timestamp", "u": "text", "few": "integer"}
NEVER_SORT = "do $$ begin execute format('alter database %I set enable_sort = off', current_database()); end $$"
NO_ANALYZE = "alter table t set (autovacuum_enabled = off)"
BELIEVED_TO_BE_MORE = "update pg_class set reltuples = reltuples * 10 where relname = 't'"
SIDE_BY_SIDE, ALONE = RowOptions(threads=2), RowOptions(threads=1)
ROWS = 11_000
_NUMBERS = count(1)


@pytest.fixture(scope="module")
def url() -> str:
    """Rows with gaps among their keys, nulls, values that many share, texts that collations sort otherwise."""
    return databases.new_database(
        NEVER_SORT,
        "create table t (id int, name text, day date, at timestamptz, u uuid, few int)",
        "insert into t select i, case when i % 7 > 0 then chr(65 + i % 60) || i || 'é' end,"
        " date '2020-01-01' + i % 900, timestamptz '2020-01-01 00:00:00Z' + i * interval '7 minutes',"
        " md5(i::text)::uuid, nullif(i % 1000, 3)"
        " from generate_series(-6000, 6000) as i",
        "delete from t where id between 50 and 150 or id % 31 = 0",
        "create index on t (id)",
        "create index on t (id desc nulls last)",
        "create index on t (day)",
        "create index on t (at)",
        "create index on t (u)",
        "create index on t (few)",
        "create index on t (few nulls first)",
        "create index on t (few desc nulls last)",
        'create index on t (name collate "C")',
        "vacuum analyze t",
        NO_ANALYZE,
        BELIEVED_TO_BE_MORE,
    )


def by(*terms: OrderTerm, **more: object) -> JobSpec:
    return replace(csv_spec(COLUMNS), order=terms, **more)


def ranges_of(url: str, spec: JobSpec) -> Sequence[Sql]:
    settings = PostgresSettings("things", url)
    with connected(settings) as session:
        transaction = Transaction(session, settings)
        transaction.begin(spec)
        columns = transaction.columns(spec)
        order = dialect.order(spec.order, order_types(spec), columns)
        return ranges.of(session, spec, columns, f"select * from {dialect.relation(spec.relation)}{order}")


@contextmanager
def opened(url: str, spec: JobSpec, options: RowOptions = SIDE_BY_SIDE) -> Iterator[LinesReading]:
    with source(url).open_lines(spec, options) as reading:
        assert reading
        yield reading


def lines(url: str, spec: JobSpec, options: RowOptions = SIDE_BY_SIDE) -> tuple[bytes, int]:
    with opened(url, spec, options) as reading:
        text = b"".join(part.text for part in reading.lines())
        return text, reading.rows_matched()


@pytest.mark.parametrize(
    "spec",
    [
        by(OrderTerm("id")),
        by(OrderTerm("id", descending=True)),
        by(OrderTerm("name"), OrderTerm("id")),
        by(OrderTerm("day"), OrderTerm("id")),
        by(OrderTerm("at")),
        by(OrderTerm("u")),
        by(OrderTerm("few"), OrderTerm("id")),
        by(OrderTerm("few", nulls_first=True), OrderTerm("id")),
        by(OrderTerm("few", descending=True), OrderTerm("id")),
        by(OrderTerm("id"), filter=All((Term("few", type_of("integer"), Operator.GREATER_OR_EQUAL, (-990,)),))),
    ],
)
def test_the_bytes_are_those_of_one_statement(url: str, spec: JobSpec) -> None:
    assert len(ranges_of(url, spec)) > 2
    text, matched = lines(url, spec)
    alone, matched_alone = lines(url, spec, ALONE)
    assert text == alone
    assert matched == matched_alone == text.count(b"\r\n") > 10_000


@pytest.mark.parametrize(
    "spec",
    [
        by(),
        by(OrderTerm("id"), relation=Relation(query="select * from t")),
        by(OrderTerm("id"), page=Page(10, 10_000)),
        by(OrderTerm("day", nulls_first=True)),  # no index has them so
    ],
)
def test_what_ranges_would_not_help_is_one_statement(url: str, spec: JobSpec) -> None:
    assert ranges_of(url, by(OrderTerm("id")))
    assert not ranges_of(url, spec)


def test_a_filter_that_leaves_little_is_one_statement(url: str) -> None:
    few = Term("few", type_of("integer"), Operator.EQUALS, (2,))
    spec = by(OrderTerm("id"), filter=All((few,)))
    text, matched = lines(url, spec)
    assert (text, matched) == lines(url, spec, ALONE)
    assert 0 < matched < 1000


def test_values_that_only_the_worker_writes_are_found_in_any_range(tmp_path: Path) -> None:
    database = databases.new_database(
        "create table t (id int primary key, day date)",
        f"insert into t select i, case when i = 10900 then 'infinity'::date end from generate_series(1, {ROWS}) as i",
        "vacuum analyze t",
        NO_ANALYZE,
        BELIEVED_TO_BE_MORE,
    )
    spec = csv_spec({"id": "integer", "day": "date"})
    assert ranges_of(database, spec)
    done, _ = run(source(database), spec, tmp_path)
    expected, _ = run_through_arrow(source(database), spec, tmp_path)
    assert isinstance(done, Failure)
    assert done == expected


@pytest.fixture(scope="module")
def filled() -> str:
    """Of a database that is only copied: who copies it may not find others in it."""
    url = databases.new_database(
        "create table t (id int primary key, few int, name text)",
        f"insert into t select i, i % 40, repeat('x', 4000) from generate_series(1, {ROWS}) as i",
        "vacuum analyze t",
        NO_ANALYZE,
        BELIEVED_TO_BE_MORE,
    )
    return url.partition("?")[0].rpartition("/")[2]


@pytest.fixture
def large(filled: str) -> str:
    """More than both connections may hold back."""
    return databases.new_database(options=f"template {filled}")


LARGE_SPEC = csv_spec({"id": "integer", "few": "integer", "name": "text"})


def until(url: str, counting: str, count: int) -> None:
    with psycopg.connect(url, autocommit=True) as watcher:
        end = time.monotonic() + PATIENCE_S
        while watcher.execute(counting).fetchone() != (count,):
            assert time.monotonic() < end
            time.sleep(0.02)  # between two looks


COPYING = "select count(*) from pg_stat_activity where query like 'copy (%' and datname = current_database()"
ACTIVE = f"{COPYING} and state = 'active'"


def test_two_connections_see_one_moment_and_wait_for_who_takes(large: str) -> None:
    with opened(large, LARGE_SPEC) as reading:
        databases.run(large, "insert into t values (0, 0, 'new')", f"update t set name = 'new' where id = {ROWS}")
        rows = reading.lines()
        text = [next(rows).text]
        until(large, ACTIVE, 2)  # both have made what may wait
        text += [part.text for part in rows]
        assert reading.rows_matched() == ROWS
    whole = b"".join(text)
    assert whole.startswith(b"1,1,xxx")
    assert [line.split(b",", 1)[0] for line in whole.splitlines()] == [b"%d" % n for n in range(1, ROWS + 1)]
    assert b"new" not in whole


def test_who_stops_amid_the_rows_leaves_no_statement_behind(large: str) -> None:
    with opened(large, LARGE_SPEC) as reading:
        rows = reading.lines()
        next(rows)
        until(large, ACTIVE, 2)
        rows.close()  # type: ignore[attr-defined]
    until(large, COPYING, 0)


@pytest.mark.parametrize("which", ["min", "max"])
def test_either_connection_that_is_lost_ends_the_attempt(large: str, which: str) -> None:
    lost = (
        f"select pg_terminate_backend(pid) from pg_stat_activity where backend_start = (select {which}(backend_start)"
    )
    with opened(large, LARGE_SPEC) as reading:
        rows = reading.lines()
        next(rows)
        until(large, ACTIVE, 2)
        databases.run(
            large, f"{lost} from pg_stat_activity where query like 'copy (%' and datname = current_database())"
        )
        with pytest.raises(SourceFailed) as failed:
            list(rows)
    assert failed.value.code == "SOURCE_UNAVAILABLE"


def limited(url: str, *statements: str) -> str:
    """The database as an account of its own sees it, once the statements were run."""
    name = f"limited_{next(_NUMBERS)}"
    databases.run(url, f"create role {name} login", f"grant select on t to {name}")
    databases.run(url, *(statement.format(name=name) for statement in statements))
    return url.replace("//postgres:", f"//{name}:")


def only_one_connection(url: str) -> str:
    return limited(url, "alter role {name} connection limit 1")


def no_snapshots_for_others(url: str) -> str:
    return limited(url, "revoke execute on function pg_export_snapshot() from public")


@pytest.mark.parametrize("account", [only_one_connection, no_snapshots_for_others])
def test_one_connection_does_it_where_a_second_one_is_refused(
    large: str, account: Callable[[str], str], tmp_path: Path
) -> None:
    limited_url = account(large)
    spec = replace(LARGE_SPEC, columns=LARGE_SPEC.columns[:2])
    assert ranges_of(limited_url, spec)
    done, table = run(source(limited_url), spec, tmp_path)
    assert isinstance(done, Built)
    assert table.splitlines()[1:] == [b"%d,%d" % (n, n % 40) for n in range(1, ROWS + 1)]
