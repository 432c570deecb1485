"""How a PostgreSQL source behaves: types, time, secrets, and what it says when it can't be read."""

import logging
import traceback
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.contract.outcome import MatchedBy
from services.contract.spec import Limits, Operator, OrderTerm, Relation, Term
from services.worker.sources.errors import SourceFailed
from services.worker.sources.kind import SourceSettings
from services.worker.sources.sql.postgres.settings import PostgresSettings
from tests.integration.sources.source_specs import read, spec_of, type_of
from tests.servers import databases
from tests.tiers import deep


def source(url: str, **more: Any) -> SourceSettings:
    return PostgresSettings("things", url, **more)


@pytest.fixture(scope="module")
def empty() -> str:
    return databases.new_database()


def values(url: str, type_: str, *expressions: str, **more: Any) -> list[Any]:
    """What rows of one column hold, each given as an expression of SQL."""
    rows = ", ".join(f"({i}, {e})" for i, e in enumerate(expressions))
    relation = Relation(query=f"select * from (values {rows}) as v(id, v)")
    return [r["v"] for r in read(source(url, **more), spec_of("sql", {"v": type_}, relation=relation)).rows]


@deep
@pytest.mark.parametrize(
    ("type_", "expressions", "expected"),
    [
        ("text", ["'Ñandú 😀'", "''", "null"], ["Ñandú 😀", "", None]),
        ("text", ["'7b0e5c4e-0000-4000-8000-000000000001'::uuid"], ["7b0e5c4e-0000-4000-8000-000000000001"]),
        ("text", ["'10.0.0.0/8'::inet"], ["10.0.0.0/8"]),
        ("text", ["'[1,5)'::int4range"], ["[1,5)"]),
        ("text", ["array['a','b']"], ["{a,b}"]),
        ("text", ["'x'::char(3)"], ["x"]),
        ("integer", ["9223372036854775807::int8", "null"], [2**63 - 1, None]),
        ("integer", ["5.00::numeric"], [5]),
        ("decimal(30,2)", ["12345678901234567890.12", "1.100", "null"], ["12345678901234567890.12", "1.10", None]),
        ("decimal(18,2)", ["12.5::money"], ["12.50"]),
        ("decimal(18,2)", ["(0.1::float8 + 0.2::float8)"], ["0.30"]),
        ("decimal(18,2)", ["7::int8"], ["7.00"]),
        ("float", ["0.1::float8 + 0.2::float8"], [0.1 + 0.2]),
        ("float", ["11.4::real", "'Infinity'::real", "1e-45::real"], [11.4, float("inf"), 1e-45]),
        ("decimal(18,1)", ["1234567.9::real"], ["1234567.9"]),
        ("boolean", ["true", "false", "null"], [True, False, None]),
        ("date", ["date '1900-02-28'", "date '9999-12-31'"], [date(1900, 2, 28), date(9999, 12, 31)]),
        ("date", ["timestamp '2026-01-02'"], [date(2026, 1, 2)]),
        ("time", ["time '23:59:59.999999'"], [time(23, 59, 59, 999999)]),
        ("timestamp", ["timestamptz '2026-01-02 03:04:05+02'"], [datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)]),
        ("timestamp", ["timestamp '2026-01-02 03:04:05'"], [datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)]),
        ("timestamp", ["date '2026-01-02'"], [datetime(2026, 1, 2, tzinfo=UTC)]),
        ("duration", ["interval '1 day 2:03:04.5'"], [timedelta(days=1, hours=2, minutes=3, seconds=4.5)]),
        ("duration", ["interval '-90 seconds'"], [timedelta(seconds=-90)]),
        ("json", ["""'{"a": [1, null]}'::jsonb"""], ['{"a": [1, null]}']),
        ("json", ["array[1, 2]"], ["[1, 2]"]),
        ("binary", [r"'\x00ff'::bytea"], [b"\x00\xff"]),
    ],
)
def test_types(empty: str, type_: str, expressions: list[str], expected: list[Any]) -> None:
    if type_.startswith("decimal"):
        expected = [None if e is None else Decimal(e) for e in expected]
    assert values(empty, type_, *expressions)[: len(expected)] == expected


@pytest.mark.parametrize(
    ("type_", "expression"),
    [
        *[("timestamp", f"'{sign}infinity'::timestamptz") for sign in ("", "-")],
        *[("timestamp", f"'{sign}infinity'::timestamp") for sign in ("", "-")],
        *[("date", f"'{sign}infinity'::date") for sign in ("", "-")],
        ("time", "time '24:00'"),
        ("decimal(9,2)", "'NaN'::numeric"),
        ("decimal(9,2)", "1.005"),
        ("decimal(3,2)", "10.00"),
        ("duration", "interval '1 month'"),
        ("integer", "'many'::text"),
        ("date", "timestamp '2026-01-02 00:00:01'"),
    ],
)
def test_what_is_no_value_of_its_type_is_named_with_its_row(empty: str, type_: str, expression: str) -> None:
    cast = expression.partition("::")[2] or {"time": "time", "date": "timestamp", "duration": "interval"}.get(type_, "")
    null = f"null::{cast}" if cast else "null"
    with pytest.raises(SourceFailed, match="'v' holds a value in row 2 that is not") as failed:
        values(empty, type_, null, expression)
    assert failed.value.code == "VALUE_INVALID"


def test_timestamps_without_a_zone_are_in_the_zone_of_the_source(empty: str) -> None:
    moment = values(empty, "timestamp", "timestamp '2026-07-01 00:00'", time_zone="America/New_York")
    assert moment == [datetime(2026, 7, 1, 4, tzinfo=UTC)]


def test_domains_and_enums_and_odd_names() -> None:
    url = databases.new_database(
        'create schema "Sales 2026"',
        "create domain price as numeric(9,2) check (value >= 0)",
        "create type mood as enum ('sad', 'glad')",
        'create table "Sales 2026"."or.ders" ("Id" uuid primary key, "the ""price""" price, mood mood, "ünder" text)',
        "insert into \"Sales 2026\".\"or.ders\" values ('7b0e5c4e-0000-4000-8000-000000000001', 9.99, 'glad', 'x')",
    )
    key = "7b0e5c4e-0000-4000-8000-000000000001"
    columns = {"id": "text", 'the "price"': "decimal(9,2)", "mood": "text", "ünder": "text"}
    term = Term("id", type_of("text"), Operator.EQUALS, (key,))
    spec = spec_of("sql", columns, relation=Relation(table='"Sales 2026"."or.ders"'), filter=term)
    done = read(source(url), spec)
    assert done.rows == [{"id": key, 'the "price"': Decimal("9.99"), "mood": "glad", "ünder": "x"}]
    assert done.matched_by is MatchedBy.COUNT
    other = Term("mood", type_of("text"), Operator.EQUALS, ("angry",))
    assert read(source(url), replace(spec, filter=other)).matched == 0


def test_a_value_is_never_part_of_a_statement(empty: str) -> None:
    nasty = "x'; drop table t; -- $1 \\ %s {raw} :p"
    relation = Relation(query="select 1 as id, $$" + nasty + "$$::text as v union all select 2, 'y'")
    for operator in (Operator.EQUALS, Operator.CONTAINS, Operator.GREATER_OR_EQUAL):
        term = Term("v", type_of("text"), operator, (nasty,))
        done = read(source(empty), spec_of("sql", {"v": "text"}, relation=relation, filter=term))
        assert nasty in [r["v"] for r in done.rows]


def failure(settings: SourceSettings, **changes: Any) -> SourceFailed:
    with pytest.raises(SourceFailed) as failed:
        read(settings, replace(spec_of("sql", {"id": "integer"}), **changes))
    return failed.value


def test_every_missing_column_is_named(empty: str) -> None:
    order = (OrderTerm("at"), OrderTerm("id"))
    failed = failure(source(empty), relation=Relation(query="select 1 as v"), order=order)
    assert (failed.code, failed.message) == ("COLUMN_MISSING", "The source 'things' lacks: id, at.")


def test_a_statement_that_takes_too_long_is_ended_by_the_server(empty: str) -> None:
    slow = Relation(query="select i as id from generate_series(1, 1000000000) as i")
    assert failure(source(empty, statement_timeout_s=0.2), relation=slow).code == "READING_TOO_LONG"
    assert failure(source(empty), relation=slow, limits=Limits(max_snapshot_s=1)).code == "READING_TOO_LONG"


@pytest.mark.parametrize("place", ["127.0.0.1:1/x", "nohost.invalid/x", "h:badport/x"])
def test_a_password_is_in_no_error(place: str, caplog: pytest.LogCaptureFixture) -> None:
    failed = failure(source(f"postgresql://me:hunter2@{place}"))
    assert failed.code == "SOURCE_UNAVAILABLE"
    with caplog.at_level(logging.DEBUG):
        logging.getLogger().error("failed", exc_info=failed)
    shown = caplog.text + "".join(traceback.format_exception(failed)) + repr(failed)
    assert "hunter2" not in shown
    assert "DriverError" in shown


def test_reals_of_four_bytes_are_found_by_what_is_written(empty: str) -> None:
    query = Relation(query="select 1 as id, 0.1::real as v union all select 2, 0.2::real")
    equal = Term("v", type_of("float"), Operator.EQUALS, (0.1,))
    spec = spec_of("sql", {"id": "integer", "v": "float"}, relation=query, filter=equal)
    assert read(source(empty), spec).rows == [{"id": 1, "v": 0.1}]
