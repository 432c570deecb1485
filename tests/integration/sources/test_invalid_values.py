"""What happens to values that are not of their column's type: refused with value and key, null, or text, and counted;
the same from every database.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import duckdb
import pytest

from services.contract.spec import (
    All,
    AnyOf,
    ColumnSpec,
    Filter,
    Invalid,
    JobSpec,
    Mask,
    Operator,
    Page,
    Relation,
    Term,
)
from services.worker.sources.errors import MAX_VALUE_CHARACTERS, SourceFailed
from services.worker.sources.kind import SourceSettings
from services.worker.sources.sql.other.settings import OtherSqlSettings
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from tests.integration.sources.source_specs import read, spec_of, type_of
from tests.servers import databases
from tests.tiers import deep_but

ENGINES = ("sqlite", "postgres", "other")
Asked = tuple[str, str]
Source = Callable[[str], SourceSettings]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """By the name of an engine: a database with nothing in it, for queries."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / "x.sqlite3").touch()
    duckdb.connect(str(folder / "x.duckdb")).close()
    made = {
        "sqlite": SqliteSettings("things", folder / "x.sqlite3"),
        "postgres": PostgresSettings("things", databases.new_database()),
        "other": OtherSqlSettings("things", f"duckdb:///{folder / 'x.duckdb'}"),
    }
    return made.__getitem__


class Case(NamedTuple):
    """A value that is not of the type, with its text, and a valid one, with its text in a file."""

    type: str
    invalid: str
    text: str
    valid: str
    valid_text: str


CASES = {
    ("postgres", "decimal(9,2)"): Case("decimal(9,2)", "'NaN'::numeric", "nan", "1.5::numeric", "1.50"),
    ("postgres", "digits"): Case("decimal(9,2)", "1.005", "1.005", "-2::numeric", "-2.00"),
    ("postgres", "timestamptz"): Case(
        "timestamp",
        "'infinity'::timestamptz",
        "infinity",
        "'2026-01-02 03:04:05.5Z'::timestamptz",
        "2026-01-02T03:04:05.500Z",
    ),
    ("postgres", "far"): Case(
        "timestamp",
        "'294276-12-31 23:59:59'::timestamp",
        "294276-12-31 23:59:59",
        "'2026-01-02'::timestamp",
        "2026-01-02T00:00:00Z",
    ),
    ("postgres", "date"): Case("date", "'-infinity'::date", "-infinity", "'2026-01-02'::date", "2026-01-02"),
    ("postgres", "time"): Case("time", "'24:00'::time", "24:00:00", "'17:00'::time", "17:00:00"),
    ("postgres", "interval"): Case("duration", "'1 month'::interval", "P1M", "'1 day'::interval", "P1D"),
    ("postgres", "integer"): Case("integer", "'many'::text", "many", "'7'::text", "7"),
    ("postgres", "big"): Case("integer", "9223372036854775808::numeric", "9223372036854775808", "7::numeric", "7"),
    ("postgres", "float"): Case("float", "1e400::numeric", "1" + "0" * 400, "0.5::numeric", "0.5"),
    ("sqlite", "decimal(9,2)"): Case("decimal(9,2)", "9e999", "Inf", "1.5", "1.50"),
    ("sqlite", "integer"): Case("integer", "'many'", "many", "7", "7"),
    ("sqlite", "big"): Case("integer", "18446708610539800576", "1.8446708610539801e+19", "'7'", "7"),
    ("sqlite", "date"): Case("date", "'2026-02-30'", "2026-02-30", "'2026-01-02'", "2026-01-02"),
    ("sqlite", "time"): Case("time", "'24:00'", "24:00", "'17:00'", "17:00:00"),
    ("sqlite", "boolean"): Case("boolean", "2", "2", "1", "true"),
    ("sqlite", "float"): Case("float", "'1,5'", "1,5", "0.5", "0.5"),
    ("sqlite", "timestamp"): Case("timestamp", "'infinity'", "infinity", "'2026-01-02'", "2026-01-02T00:00:00Z"),
    ("other", "integer"): Case("integer", "'many'", "many", "'7'", "7"),
    ("other", "decimal(9,2)"): Case("decimal(9,2)", "'1.005'", "1.005", "'1.5'", "1.50"),
    ("other", "time"): Case("time", "'25:00'", "25:00", "'17:00'", "17:00:00"),
}


def refusal(source: SourceSettings, asked: JobSpec) -> str:
    """What a failure says. Nothing of the reading stays: DuckDB opens no file again that a traceback keeps open."""
    try:
        read(source, asked)
    except SourceFailed as failed:
        return failed.message
    return ""


every_case = pytest.mark.parametrize(("engine", "name"), deep_but(CASES, "postgres"))


def spec(case: Case, invalid: Invalid | None, **more: Any) -> JobSpec:
    """Rows: 1 null, 2 invalid, 3 valid."""
    rows = [f"select {i} as id, {v} as v" for i, v in enumerate(("null", case.invalid, case.valid), 1)]
    relation = Relation(query=" union all ".join([rows[2], rows[1], rows[0]]))
    made = spec_of("sql", {"v": case.type}, relation=relation, **more)
    return replace(made, columns=tuple(replace(c, invalid=invalid) for c in made.columns))


@every_case
def test_refused_with_the_value_and_the_key(sources: Source, engine: str, name: str) -> None:
    case = CASES[engine, name]
    message = refusal(sources(engine), spec(case, Invalid.REFUSE))
    shown = case.text if len(case.text) <= MAX_VALUE_CHARACTERS else case.text[:MAX_VALUE_CHARACTERS] + "…"
    assert message == f"Column 'v' holds a value in row 2 that is not {case.type}: {shown!r}, where id is '2'."


@every_case
def test_null_stands_for_it_and_is_counted(sources: Source, engine: str, name: str) -> None:
    case = CASES[engine, name]
    done = read(sources(engine), spec(case, Invalid.NULL))
    assert [row["v"] is None for row in done.rows] == [True, True, False]
    assert [(w.code, w.count) for w in done.warnings] == [("INVALID_VALUE_AS_NULL", 1)]


@every_case
def test_its_text_stands_for_it_beside_texts_of_the_others(sources: Source, engine: str, name: str) -> None:
    case = CASES[engine, name]
    made = spec(case, Invalid.TEXT)
    done = read(sources(engine), made)
    assert made.columns[0].file_type == type_of("text")
    assert [row["v"] for row in done.rows] == [None, case.text, case.valid_text]
    assert [(w.code, w.count) for w in done.warnings] == [("INVALID_VALUE_AS_TEXT", 1)]


@every_case
def test_a_filter_takes_it_for_a_value_that_compares_with_nothing(sources: Source, engine: str, name: str) -> None:
    case = CASES[engine, name]

    def ids(filter_: Filter) -> list[int]:
        made = spec(case, Invalid.NULL, filter=filter_)
        shown = replace(made, columns=(ColumnSpec("id", "id", "id", type_of("integer")),))
        return [row["id"] for row in read(sources(engine), shown).rows]

    def term(operator: Operator, *values: Any, **more: Any) -> Term:
        return Term("v", type_of(case.type), operator, values, invalid=Invalid.NULL, **more)

    assert ids(term(Operator.IS_NULL)) == [1]
    assert ids(term(Operator.IS_NOT_NULL)) == [2, 3]
    least = {"integer": -(2**62), "float": -1e300, "decimal(9,2)": Decimal(-100)}.get(case.type)
    if least is not None:
        assert ids(term(Operator.GREATER, least)) == [3]
    if case.type == "timestamp":
        assert ids(term(Operator.GREATER, datetime(1, 1, 1, tzinfo=UTC), or_null=True)) == [1, 3]


@pytest.fixture
def mixed(sources: Source) -> Callable[..., list[Any] | str]:
    """Rows of two owners, of which one has a value that is no integer."""
    relation = Relation(
        query="select 1 as id, 'a' as owner, '1' as n union all select 2, 'b', 'secret' union all select 3, 'a', '3'"
    )

    def ids(engine: str, filter_: Filter, **changes: Any) -> list[Any] | str:
        made = spec_of("sql", {"id": "integer", "n": "integer"}, relation=relation, filter=filter_)
        asked = replace(made, **changes)
        message = refusal(sources(engine), asked)
        return message or [row["id"] for row in read(sources(engine), asked).rows]

    return ids


OWNER_A = Term("owner", type_of("text"), Operator.EQUALS, ("a",))


@pytest.mark.parametrize("engine", ENGINES)
def test_values_of_rows_that_do_not_match_stop_nothing(mixed: Callable[..., list[Any] | str], engine: str) -> None:
    folded = replace(OWNER_A, values=("A",), ignore_case=True)
    assert mixed(engine, OWNER_A) == mixed(engine, folded) == [1, 3]
    positive = Term("n", type_of("integer"), Operator.GREATER, (0,))
    assert mixed(engine, All((folded, positive))) == [1, 3]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_value_on_which_it_depends_whether_its_row_matches(
    mixed: Callable[..., list[Any] | str], engine: str
) -> None:
    positive = Term("n", type_of("integer"), Operator.GREATER, (0,))
    assert mixed(engine, positive) == (
        "Column 'n', which the filter compares, holds a value that is not integer: 'secret', where id is '2'."
    )
    assert mixed(engine, AnyOf((positive, replace(OWNER_A, values=("b",)))), page=Page(0, 1)) == [1]
    hidden = "Column 'n', which the filter compares, holds a value that is not integer."
    assert mixed(engine, positive, secret=("N",)) == hidden


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_masked_or_secret_is_in_no_message(sources: Source, engine: str) -> None:
    case = CASES[engine, "integer"]
    made = spec(case, Invalid.REFUSE)
    masked = replace(made, columns=tuple(replace(c, mask=Mask.REDACT) for c in made.columns))
    for hidden, shown in (
        (masked, "where id is '2'"),
        (replace(made, secret=("V",)), "where id is '2'"),
        (replace(made, secret=("ID",)), "'many'"),
        (replace(masked, secret=("id",)), "integer"),
    ):
        message = refusal(sources(engine), hidden)
        assert message.endswith(f"{shown}.")
        assert ("many" in message, "'2'" in message) == (shown == "'many'", "id" in shown)


@pytest.mark.parametrize("engine", ENGINES)
def test_only_what_is_on_the_page_is_refused_and_counted(sources: Source, engine: str) -> None:
    case = CASES[engine, "integer"]
    assert [r["v"] for r in read(sources(engine), spec(case, Invalid.REFUSE, page=Page(2, 1))).rows] == [7]
    assert read(sources(engine), spec(case, Invalid.NULL, page=Page(0, 1))).warnings == []


def test_bytes_that_are_not_utf8(sources: Source) -> None:
    case = Case("text", "cast(x'4D6172ED61' as text)", "Mar�a", "'plain'", "plain")
    with pytest.raises(SourceFailed, match="'v' holds a value in row 2 that is not text: 'Mar�a', where id is '2'"):
        read(sources("sqlite"), spec(case, None))
    told = {i: [r["v"] for r in read(sources("sqlite"), spec(case, i)).rows] for i in (Invalid.NULL, Invalid.TEXT)}
    assert told == {Invalid.NULL: [None, None, "plain"], Invalid.TEXT: [None, "Mar�a", "plain"]}


@pytest.mark.parametrize("text", ['{"t":"cut \\ud83d"}', "{", "NaN", "[1e400]", "[" * 200 + "]" * 200])
def test_what_may_be_no_json_is_left_to_whoever_writes_it(sources: Source, text: str) -> None:
    case = Case("json", f"'{text}'", text, "'[]'", "[]")
    done = read(sources("sqlite"), spec(case, None))
    assert ([r["v"] for r in done.rows], done.warnings) == ([None, text, "[]"], [])
    if text != "[1e400]":
        with pytest.raises(SourceFailed, match="not json"):
            read(sources("sqlite"), spec(case, Invalid.REFUSE))
        assert [r["v"] for r in read(sources("sqlite"), spec(case, Invalid.NULL)).rows] == [None, None, "[]"]
