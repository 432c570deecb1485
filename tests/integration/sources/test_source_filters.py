"""Every source lets through the rows that a plain Python model does, whatever way they are stored."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from services.contract.outcome import MatchedBy
from services.contract.spec import All, AnyOf, Filter, Operator, OrderTerm, Page, SourceRef, Term
from services.worker.ports import Source
from services.worker.sources.kind import SourceSettings
from services.worker.sources.sources import Sources
from tests.integration.sources.filter_engines import ENGINES, LIMA, sqlite_declared
from tests.integration.sources.filter_model import BY_SIZE, DAY, MICRO, OF_TEXT, ROWS, TYPES, selected
from tests.integration.sources.kept import KeptSources
from tests.integration.sources.source_specs import Read, read, read_from, settings_of, spec_of, type_of
from tests.tiers import deep_but

COLUMNS = [name for name in TYPES if name != "id"]
PROBES: dict[str, list[Any]] = {
    "t": ["Ñandú", "abc", "", "5", "05", "5.0", "a'b\"c"],
    "n": [5, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 6],
    "d": [Decimal("12.99"), Decimal("0.3"), Decimal("15.995"), Decimal("1234567890123.45"), Decimal(0)],
    "f": [0.3, 0.1 + 0.2, 0.0, 5e-324, 2.0],
    "b": [True, False],
    "day": [date(2026, 1, 3), date(1900, 2, 28), date(9999, 12, 31), date(1, 1, 1)],
    "at": [DAY, DAY.astimezone(LIMA), DAY + MICRO, DAY + timedelta(milliseconds=250), DAY.replace(year=1)],
}
PARTS = ["Ñandú", "%", "maría", ""]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptSources]:
    with KeptSources(ENGINES, tmp_path_factory.mktemp) as sources:
        yield sources


@pytest.fixture(params=deep_but(ENGINES, "sqlite_declared", "postgres", "csv_files"))
def source(request: pytest.FixtureRequest, sources: KeptSources) -> "Asked":
    return Asked(*sources[request.param])


@dataclass(frozen=True)
class Asked:
    """A source that stays open."""

    settings: SourceSettings
    source: Source

    @property
    def kind(self) -> str:
        return self.settings.kind

    def read(self, columns: dict[str, str], **more: Any) -> Read:
        return read_from(self.source, spec_of(self.kind, columns, **more))


def term(column: str, op: Operator, *values: Any, **more: bool) -> Term:
    return Term(column, type_of(TYPES[column]), op, values, **more)


def assert_as_model(source: Asked, filter_: Filter) -> MatchedBy:
    done = source.read({"id": "integer"}, filter=filter_)
    assert [r["id"] for r in done.rows] == selected(filter_), filter_
    assert done.matched == len(done.rows)
    return done.matched_by


@pytest.mark.parametrize("column", COLUMNS)
def test_one_term(source: Asked, column: str) -> None:
    others = cycle(op for op in BY_SIZE if op is not Operator.EQUALS)
    for value in PROBES[column]:  # the property test has every operator meet every kind of value
        assert_as_model(source, term(column, Operator.EQUALS, value))
        if column != "b":
            assert_as_model(source, term(column, next(others), value))


@pytest.mark.parametrize("operator", [Operator.EQUALS, *OF_TEXT])
@pytest.mark.parametrize("ignore_case", [False, True])
def test_terms_of_text(source: Asked, operator: Operator, ignore_case: bool) -> None:
    for value in PARTS:
        assert_as_model(source, term("t", operator, value, ignore_case=ignore_case))


def test_any_of_several_values_of_text(source: Asked) -> None:
    for operator in OF_TEXT:
        assert_as_model(source, term("t", operator, "a_", "\\", "[a]", "AB"))
        assert_as_model(source, term("t", operator, "%", "ñ", "ss", ignore_case=True))


@pytest.mark.parametrize("column", COLUMNS)
def test_any_of_several_values(source: Asked, column: str) -> None:
    assert_as_model(source, term(column, Operator.EQUALS, *PROBES[column][:3]))


@pytest.mark.parametrize("column", COLUMNS)
def test_nulls_match_where_they_are_meant_to(source: Asked, column: str) -> None:
    assert_as_model(source, term(column, Operator.IS_NULL))
    assert_as_model(source, term(column, Operator.IS_NOT_NULL))
    assert_as_model(source, term(column, Operator.EQUALS, PROBES[column][0], or_null=True))


@pytest.mark.parametrize("column", [c for c in COLUMNS if c != "f"])
@pytest.mark.parametrize(("descending", "nulls_first"), [(False, True), (True, False)])
def test_orders(source: Asked, column: str, descending: bool, nulls_first: bool) -> None:
    order = (OrderTerm(column, descending, nulls_first), OrderTerm("id"))
    done = source.read({"id": "integer", column: TYPES[column]}, order=order)
    assert [r["id"] for r in done.rows] == selected(All(), order[:1])


@pytest.mark.parametrize("page", [Page(3, 4), Page(0, 10_000), Page(25, 10), Page(900, 1)])
def test_a_page_is_cut_after_the_filter_in_the_order(source: Asked, page: Page) -> None:
    order = (OrderTerm("n", descending=True), OrderTerm("id"))
    for filter_ in (All(), term("t", Operator.CONTAINS, "a", ignore_case=True)):
        done = source.read({"id": "integer", "n": "integer"}, filter=filter_, order=order, page=page)
        assert [r["id"] for r in done.rows] == selected(filter_, order[:1], page)
        assert done.matched == len(done.rows)


def test_values_leave_as_in_the_model(source: Asked) -> None:
    assert source.read(TYPES).rows == ROWS


def test_who_opens_the_source_for_each_reading_gets_the_same(source: Asked) -> None:
    """As workers do; all other tests here read what is open."""
    filter_ = All((term("n", Operator.GREATER, -6), term("t", Operator.CONTAINS, "a", ignore_case=True)))
    for more in ({}, {"filter": filter_, "order": (OrderTerm("d"), OrderTerm("id")), "page": Page(1, 5)}):
        assert read(source.settings, spec_of(source.kind, TYPES, **more)) == source.read(TYPES, **more)


def test_trees(source: Asked) -> None:
    late = term("at", Operator.GREATER_OR_EQUAL, DAY)
    cheap = term("d", Operator.LESS, Decimal(13))
    named = term("t", Operator.EQUALS, "abc", "5", "Ñandú")
    for tree in (
        All(),
        AnyOf(),
        All((late, cheap)),
        AnyOf((late, cheap, named)),
        All((AnyOf((late, named)), AnyOf((cheap, term("b", Operator.EQUALS, True))))),
        All((term("n", Operator.GREATER, -6), term("n", Operator.LESS_OR_EQUAL, 7), All((late,)))),
    ):
        assert_as_model(source, tree)


def test_the_source_counts_what_is_stored_in_one_way(tmp_path: Path) -> None:
    settings = settings_of(sqlite_declared(tmp_path), "sql")
    source = Asked(settings, Sources({"things": settings}).open_rows(SourceRef("things", "sql")))
    for counted in (
        term("t", Operator.EQUALS, "abc"),
        term("t", Operator.ENDS_WITH, "ú", ""),
        term("t", Operator.WORD_STARTS_WITH, "M", or_null=True),
        term("d", Operator.IS_NULL),
        term("n", Operator.LESS, 5),
        term("b", Operator.EQUALS, True),
        term("day", Operator.GREATER, date(2026, 1, 3)),
        term("at", Operator.GREATER_OR_EQUAL, DAY),
    ):
        assert assert_as_model(source, counted) is MatchedBy.COUNT
    assert assert_as_model(source, term("d", Operator.LESS, Decimal(5))) is MatchedBy.END_OF_STREAM
    assert assert_as_model(source, term("t", Operator.EQUALS, "a", ignore_case=True)) is MatchedBy.END_OF_STREAM


@pytest.mark.parametrize(
    ("between", "rows_expected"), [(("12.99", "15.99"), 15), (("12.99", "12.99"), 8), (("0", "100"), 30)]
)
def test_prices_between_two_bounds(tmp_path: Path, between: tuple[str, str], rows_expected: int) -> None:
    prices = ["9.99", "12.99", "15.99", "19.99"]
    path = tmp_path / "things.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table t (id integer primary key, d decimal(18,2))")
        connection.executemany("insert into t values (?, ?)", ((i, prices[i % 4]) for i in range(30)))
    low, high = (Decimal(b) for b in between)
    filter_ = All((term("d", Operator.GREATER_OR_EQUAL, low), term("d", Operator.LESS_OR_EQUAL, high)))
    assert read(path, spec_of("sql", {"id": "integer"}, filter=filter_)).matched == rows_expected
