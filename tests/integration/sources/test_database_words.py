"""What a database refuses is told by its own reason: a code for callers, its sentence for the operator, and nothing of
a row in either. What it allows and a statement could stumble on is read.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from services.contract.outcome import Failure
from services.contract.spec import Operator, OrderTerm, Relation, Term
from services.runtime import logs
from services.worker.sources import errors
from services.worker.sources.errors import SourceFailed
from services.worker.sources.kind import SourceSettings
from services.worker.sources.said import said as said_of
from services.worker.sources.sql.failures import of_words, sentence
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from tests.integration.sources.copy_jobs import csv_spec, run, source
from tests.integration.sources.source_specs import Fill, read, spec_of, type_of
from tests.servers import databases

SECRET = "hunter2-of-a-row"
Engines = Callable[[str], SourceSettings]


@pytest.fixture(scope="module")
def shop() -> str:
    """A database with a table, of which a role may see two columns, and another one nothing."""
    reader, stranger = "reader", "stranger"
    roles = f"do $$ begin create role {reader} login; exception when duplicate_object then null; end $$"
    return databases.new_database(
        roles,
        roles.replace(reader, stranger),
        "create table t (id int primary key, v text, secret text)",
        f"insert into t values (1, 'a', '{SECRET}'), (2, 'b', '{SECRET}')",
        f"grant select (id, v) on t to {reader}",
        "create schema closed",
        "create table closed.t (id int)",
    )


def as_role(shop: str, role: str) -> PostgresSettings:
    return PostgresSettings("things", shop.replace("//postgres:", f"//{role}:"))


@pytest.fixture
def engines(shop: str, sqlite_table: Fill) -> Engines:
    made = {
        "postgres": PostgresSettings("things", shop),
        "sqlite": SqliteSettings("things", sqlite_table("id integer primary key, v text", [(1, SECRET)])),
    }
    return made.__getitem__


@pytest.fixture
def json_logs(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    yield capsys
    structlog.reset_defaults()


def failure(settings: SourceSettings, relation: Relation, **columns: str) -> SourceFailed:
    with pytest.raises(SourceFailed) as failed:
        read(settings, spec_of("sql", columns or {"id": "integer"}, relation=relation))
    return failed.value


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
@pytest.mark.parametrize(
    ("relation", "code", "said"),
    [
        (Relation(table="nope"), "RELATION_MISSING", ""),
        (Relation(query="select id from nope"), "RELATION_MISSING", "nope"),
        (Relation(query="select nofunc(id) as id from t"), "FUNCTION_MISSING", "nofunc"),
        (Relation(query="select id from t order by v collate nocoll"), "FUNCTION_MISSING", "nocoll"),
        (Relation(query="select id from t, (select 1 as id) as u"), "NAME_AMBIGUOUS", "ambiguous"),
        (Relation(query="select t.id, u.id from t, (select 1 as id) as u"), "NAME_AMBIGUOUS", ""),
        (Relation(query="select nope as id from t"), "QUERY_INVALID", "nope"),
        (Relation(query="selec id from t"), "QUERY_INVALID", "syntax error"),
    ],
)
def test_each_reason_has_a_code_and_the_log_the_sentence(
    engines: Engines, engine: str, relation: Relation, code: str, said: str
) -> None:
    failed = failure(engines(engine), relation)
    assert (failed.code, failed.code.retry.name) == (code, "NEVER")
    assert said in said_of(failed)
    assert "\n" not in said_of(failed)
    assert "select" not in failed.message + said_of(failed)


def test_no_right_to_select(shop: str) -> None:
    stranger = as_role(shop, "stranger")
    for relation in (Relation(table="t"), Relation(query="select id from t"), Relation(table="closed.t")):
        assert failure(stranger, relation).code == "PERMISSION_DENIED"
    denied = failure(stranger, Relation(query="select id from t"))
    assert said_of(denied).endswith("permission denied for table t")


def test_a_table_of_which_only_some_columns_may_be_selected(shop: str) -> None:
    reader = as_role(shop, "reader")
    assert [r["v"] for r in read(reader, spec_of("sql", {"id": "integer", "v": "text"})).rows] == ["a", "b"]
    denied = failure(reader, Relation(table="t"), id="integer", secret="text")
    assert (denied.code, denied.message) == (
        "PERMISSION_DENIED",
        "The account that reads the source 'things' may not select: secret.",
    )


@pytest.mark.parametrize(
    "query",
    [
        f"select id, ('{SECRET}' || id)::int as v from t",
        f"select id, v from t where ('{SECRET}' || id)::date > '2026-01-01'",
        "select id, 1 / (id - 2) as v from t",
    ],
)
def test_a_sentence_that_may_quote_a_value_is_in_no_log(shop: str, query: str) -> None:
    failed = failure(PostgresSettings("things", shop), Relation(query=query), id="integer", v="text")
    assert failed.code == "VALUE_INVALID"
    assert said_of(failed) in ("DataError 22P02", "DataError 22007", "OSError 22000")
    assert SECRET not in failed.message + said_of(failed)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("(1142, \"SELECT command denied to user 'me'@'host' for table 'orders'\")", "PERMISSION_DENIED"),
        ("ORA-01031: insufficient privileges", "PERMISSION_DENIED"),
        ("The SELECT permission was denied on the object 'orders'", "PERMISSION_DENIED"),
        ("ORA-00942: table or view does not exist", "RELATION_MISSING"),
        ("(1146, \"Table 'shop.orders' doesn't exist\")", "RELATION_MISSING"),
        ("Invalid object name 'orders'.", "RELATION_MISSING"),
        ('Catalog Error: Table with name nope does not exist!\nDid you mean "pg_enum"?', "RELATION_MISSING"),
        ("Catalog Error: Scalar Function with name nofunc does not exist!", "FUNCTION_MISSING"),
        ("(1273, \"Unknown collation: 'nocoll'\")", "FUNCTION_MISSING"),
        ("Invalid Input Error: Required module 'pytz' failed to import, due to", "FUNCTION_MISSING"),
        ("no such module: fts5", "FUNCTION_MISSING"),
        ("(1052, \"Column 'id' in field list is ambiguous\")", "NAME_AMBIGUOUS"),
        ("(1064, 'You have an error in your SQL syntax')", "QUERY_INVALID"),
    ],
)
def test_sentences_of_other_databases(text: str, code: str) -> None:
    assert of_words(text, "things", errors.query_invalid).code == code


@pytest.mark.parametrize(
    "text",
    [
        f"ERROR:  it is so\nDETAIL:  Key (id)=({SECRET}) exists.",
        f'ERROR:  it is so\nCONTEXT:  COPY t, line 1: "{SECRET}"',
        f"Invalid Input Error: CSV Error on Line: 3\nOriginal Line: {SECRET}",
        f"(psycopg.Error) it is so\n[SQL: select '{SECRET}']",
        f"it is so [SQL: select '{SECRET}']",
    ],
)
def test_only_the_sentence_itself_is_kept(text: str) -> None:
    assert sentence(text)
    assert SECRET not in sentence(text)


def test_a_line_of_the_log_and_the_failure_have_one_reference(
    shop: str, tmp_path: Path, json_logs: pytest.CaptureFixture[str]
) -> None:
    logs.configure("worker", "json")
    outcome, _ = run(
        source(shop), csv_spec({"id": "integer"}, relation=Relation(query="select id from nope")), tmp_path
    )
    assert isinstance(outcome, Failure)
    assert outcome.message == "The source 'things' does not hold the rows of this collection. Reference reference."
    (line,) = [json.loads(text) for text in json_logs.readouterr().err.splitlines() if "source_failed" in text]
    assert (line["export_id"], line["reference"], line["code"]) == ("e", "reference", "RELATION_MISSING")
    assert line["said"].endswith('relation "nope" does not exist')


def _raise() -> None:
    raise ValueError("outer") from errors.DriverError("what it said")


def test_a_cause_that_nobody_raised_is_in_the_log_too(json_logs: pytest.CaptureFixture[str]) -> None:
    logs.configure("worker", "json")
    try:
        _raise()
    except ValueError:
        logs.get().exception("odd")
    line = json.loads(json_logs.readouterr().err)
    assert [(e["exc_type"], e["exc_value"]) for e in line["exception"]] == [
        ("ValueError", "outer"),
        ("DriverError", "what it said"),
    ]


def test_collations_that_an_application_brings_are_not_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "own.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.create_collation("mine", lambda a, b: (a > b) - (a < b))
        connection.execute('create table t (id integer primary key, v text collate "mine", n decimal(9,2))')
        connection.execute("create index i on t (v)")
        connection.executemany("insert into t values (?, ?, ?)", [(1, "b", 1.5), (2, "a", 2.5), (3, None, None)])
    place = SqliteSettings("things", path)
    spec = spec_of("sql", {"id": "integer", "v": "text"}, order=(OrderTerm("v"), OrderTerm("id")))
    assert [r["id"] for r in read(place, spec).rows] == [2, 1, 3]
    for operator, values, ids in (
        (Operator.EQUALS, ("a", "c"), [2]),
        (Operator.GREATER, ("a",), [1]),
        (Operator.STARTS_WITH, ("b",), [1]),
        (Operator.IS_NULL, (), [3]),
    ):
        asked = replace(spec, filter=Term("v", type_of("text"), operator, values))
        done = read(place, asked)
        assert ([r["id"] for r in done.rows], done.matched) == (ids, len(ids))
    money = Term("n", type_of("decimal(9,2)"), Operator.GREATER, (2,))
    assert [r["id"] for r in read(place, replace(spec, filter=money)).rows] == [2]


def test_names_that_differ_in_case_only() -> None:
    url = databases.new_database(
        'create table t (id int, code text, "CODE" text)', "insert into t values (1, 'a', 'b')"
    )
    place = PostgresSettings("things", url)
    assert read(place, spec_of("sql", {"CODE": "text"})).rows == [{"CODE": "b"}]
    both = spec_of("sql", {"CODE": "text", "code": "text"})
    assert read(place, both).rows == [{"CODE": "b", "code": "a"}]
    term = Term("CODE", type_of("text"), Operator.EQUALS, ("b",))
    assert read(place, replace(both, filter=term)).matched == 1
    neither = failure(place, Relation(table="t"), Code="text")
    assert (neither.code, "'Code'" in neither.message) == ("NAME_AMBIGUOUS", True)
