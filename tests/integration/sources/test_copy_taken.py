"""When PostgreSQL writes the lines, and what holds of it then: limits, snapshot, errors, threads, cancelling."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services.contract.formats import CsvDialect, Format
from services.contract.outcome import Built, Failure, MatchedBy
from services.contract.spec import (
    All,
    JobSpec,
    Limits,
    Mask,
    Operator,
    ReadingMode,
    Relation,
    TableOptions,
    Term,
)
from services.worker.sources.errors import SourceFailed
from services.worker.sources.sources import Sources
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from tests.integration.sources.copy_jobs import csv_spec, is_lined, run, source
from tests.integration.sources.source_specs import ATTACHMENT, type_of
from tests.patience import PATIENCE_S
from tests.servers import databases

COLUMNS = {"id": "integer", "name": "text", "total": "decimal(9,2)"}


@pytest.fixture(scope="module")
def url() -> str:
    return databases.new_database(
        "create domain price as numeric(7,2)",
        "create table t (id int primary key, name text, total price, free numeric, r real, f float8, j jsonb, k time,"
        " l interval, y bytea, q numeric(9,0), wide numeric(20,2))",
        "insert into t (id, name, total) select i, 'n' || i, i from generate_series(1, 1000) as i",
    )


def test_the_server_writes_what_it_can_write(url: str, tmp_path: Path) -> None:
    done, table = run(source(url), csv_spec(COLUMNS), tmp_path)
    assert isinstance(done, Built)
    assert (done.stats.matched_by, done.stats.rows_matched, done.stats.rows_written) == (
        MatchedBy.END_OF_STREAM,
        1_000,
        1_000,
    )
    assert table.startswith(b"id,name,total\r\n1,n1,1.00\r\n2,n2,2.00\r\n")
    assert list((tmp_path / "scratch").iterdir()) == []


def with_dialect(**changes: Any) -> JobSpec:
    return csv_spec(COLUMNS, CsvDialect(**changes))


def masked() -> JobSpec:
    spec = csv_spec(COLUMNS)
    return replace(spec, columns=(*spec.columns[:-1], replace(spec.columns[-1], mask=Mask.REDACT)))


IGNORING_CASE = Term("name", type_of("text"), Operator.CONTAINS, ("n1",), ignore_case=True)


@pytest.mark.parametrize(
    "spec",
    [
        replace(csv_spec(COLUMNS), table=TableOptions(Format.JSONL)),
        replace(csv_spec(COLUMNS), table=TableOptions(Format.CSV, time_zone="America/Mexico_City")),
        with_dialect(null_text="NULL"),
        with_dialect(escape_formulas=True),
        with_dialect(decimal_comma=True, delimiter=";"),
        with_dialect(delimiter="§"),
        csv_spec(COLUMNS, reading=ReadingMode.KEYSET),
        csv_spec(COLUMNS, attachments=(ATTACHMENT,)),
        csv_spec(COLUMNS, filter=IGNORING_CASE),
        masked(),
        csv_spec({"name": "text"}),
        *[
            csv_spec({"id": "integer", column: type_})
            for column, type_ in {
                "free": "decimal(38,10)",
                "wide": "decimal(18,2)",
                "r": "decimal(9,2)",
                "f": "float",
                "j": "json",
                "k": "time",
                "l": "duration",
                "y": "binary",
                "q": "integer",
                "name": "date",
            }.items()
        ],
        csv_spec({"id": "integer", "total": "decimal(9,1)"}),
        csv_spec({"id": "integer", "q": "decimal(9,2)"}),
    ],
)
def test_what_it_would_write_otherwise_the_worker_writes(url: str, spec: JobSpec) -> None:
    assert not is_lined(source(url), spec)
    assert is_lined(source(url), csv_spec(COLUMNS))


def test_a_database_in_another_encoding_is_read_by_the_worker() -> None:
    latin = databases.new_database(
        "create table t (id int, name text)",
        options="encoding 'LATIN1' locale 'C' template template0",
    )
    assert not is_lined(source(latin), csv_spec({"id": "integer", "name": "text"}))


def test_other_databases_are_read_by_the_worker(tmp_path: Path) -> None:
    assert not is_lined(Sources({"things": SqliteSettings("things", tmp_path)}), csv_spec(COLUMNS))


def test_a_limit_is_known_before_the_first_row(url: str, tmp_path: Path) -> None:
    few, enough = Limits(max_rows=999), Limits(max_rows=1_000)
    failed, _ = run(source(url), csv_spec(COLUMNS, limits=few), tmp_path)
    assert isinstance(failed, Failure)
    assert failed.code == "LIMIT_EXCEEDED"
    assert failed.message == "The filter matches 1000 rows; the limit max_rows is 999."
    done, _ = run(source(url), csv_spec(COLUMNS, limits=enough), tmp_path)
    assert isinstance(done, Built)
    with source(url).open_lines(csv_spec(COLUMNS, limits=enough)) as reading:
        assert reading
        assert (reading.rows_total, reading.matched_by) == (1_000, MatchedBy.COUNT)


def test_what_others_write_meanwhile_is_not_in_the_file(url: str) -> None:
    database = databases.new_database("create table t (id int, name text)", "insert into t values (1, 'a'), (2, 'b')")
    with source(database).open_lines(csv_spec({"id": "integer", "name": "text"})) as reading:
        databases.run(database, "insert into t values (3, 'c')", "delete from t where id = 1")
        assert reading
        assert b"".join(part.text for part in reading.lines()) == b"1,a\r\n2,b\r\n"
        assert reading.rows_matched() == 2


def test_no_rows_are_a_warning(url: str, tmp_path: Path) -> None:
    nobody = Term("id", type_of("integer"), Operator.EQUALS, (-1,))
    done, table = run(source(url), csv_spec(COLUMNS, filter=All((nobody,))), tmp_path)
    assert isinstance(done, Built)
    assert [w.code for w in done.stats.warnings] == ["NO_ROWS"]
    assert table == b"id,name,total\r\n"


def slow(seconds: float) -> Relation:
    """Its first row takes so long; one that the planner does not know beforehand."""
    return Relation(query=f"select i as id, 'x' || pg_sleep({seconds})::text as name from generate_series(1, 1) as i")


def test_other_threads_go_on_while_the_server_thinks_amid_the_rows(url: str) -> None:
    text = "repeat('x', 10000) || case when i = 20 then pg_advisory_xact_lock_shared(1)::text else '' end"
    late = Relation(query=f"select i as id, {text} as name from generate_series(1, 20) as i")
    spec = csv_spec({"id": "integer", "name": "text"}, relation=late, order=())
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("select pg_advisory_lock(1)")
        with source(url, statement_timeout_s=60).open_lines(spec) as reading:
            assert reading
            reader = threading.Thread(target=lambda: list(reading.lines()))
            reader.start()
            until_somebody_waits_for_a_lock(other)  # no look is possible while another thread has the interpreter
            assert reader.is_alive()
            other.execute("select pg_advisory_unlock(1)")
            reader.join()


def until_somebody_waits_for_a_lock(connection: psycopg.Connection) -> None:
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    until = time.monotonic() + PATIENCE_S
    while connection.execute(waiting).fetchall() != [(1,)]:
        assert time.monotonic() < until
        time.sleep(0.01)  # between two looks


def read(url: str, spec: JobSpec, after_first: Callable[[], object] = lambda: None, **more: Any) -> None:
    """Every block, `after_first` being called behind the first one."""
    with source(url, **more).open_lines(spec) as reading:
        assert reading
        for number, _ in enumerate(reading.lines()):
            if number == 0:
                after_first()


def failure(*args: Any, **more: Any) -> SourceFailed:
    with pytest.raises(SourceFailed) as failed:
        read(*args, **more)
    return failed.value


def test_errors_are_those_of_any_reading(url: str, caplog: pytest.LogCaptureFixture) -> None:
    spec = csv_spec({"id": "integer", "name": "text"})
    refused = failure("postgresql://me:hunter2@127.0.0.1:1/x", spec)
    assert refused.code == "SOURCE_UNAVAILABLE"
    assert "hunter2" not in f"{refused!r} {refused.__cause__!r}"
    assert failure(url, replace(spec, relation=Relation(table="nope"))).code == "RELATION_MISSING"
    assert failure(url, csv_spec({"id": "integer", "nope": "text"})).code == "COLUMN_MISSING"
    assert failure(url, replace(spec, relation=slow(30)), statement_timeout_s=0.2).code == "READING_TOO_LONG"


def test_a_connection_that_breaks_amid_the_rows_can_be_tried_again(url: str) -> None:
    endless = Relation(
        query="select i as id, repeat('x', 1000) as name from (select generate_series(1, 10000000) as i) as s"
    )
    spec = csv_spec({"id": "integer", "name": "text"}, relation=endless, order=())
    ending = "select pg_terminate_backend(pid) from pg_stat_activity where query like 'copy (%10000000%'"
    failed = failure(url, spec, lambda: databases.run(url, ending))
    assert failed.code == "SOURCE_UNAVAILABLE"


def test_who_stops_amid_the_rows_leaves_no_statement_behind(url: str) -> None:
    endless = Relation(
        query="select i as id, repeat('y', 1000) as name from (select generate_series(1, 10000001) as i) as s"
    )
    spec = csv_spec({"id": "integer", "name": "text"}, relation=endless, order=())
    with source(url).open_lines(spec) as reading:
        assert reading
        next(reading.lines())
    with psycopg.connect(url, autocommit=True) as connection:
        left = "select count(*) from pg_stat_activity where query like 'copy (%10000001%'"
        until = time.monotonic() + PATIENCE_S
        while connection.execute(left).fetchall() != [(0,)]:
            assert time.monotonic() < until
            time.sleep(0.02)  # the server notices at its next write
