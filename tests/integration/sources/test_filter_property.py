"""Every filter, order and page gives the same rows in every engine as in a plain Python model."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.spec import All, AnyOf, Filter, Operator, OrderTerm, Page, Term
from services.worker.ports import Source
from tests.budget import examples
from tests.integration.sources.filter_engines import ENGINES
from tests.integration.sources.filter_model import BY_SIZE, COLUMNS, OF_TEXT, TYPES, selected
from tests.integration.sources.kept import KeptSources
from tests.integration.sources.source_specs import read_from, spec_of, type_of
from tests.tiers import deep_but

ZONES = [UTC, timezone(timedelta(hours=-5)), timezone(timedelta(hours=5, minutes=45))]
NEW: dict[str, st.SearchStrategy[Any]] = {
    "t": st.text("aAbñÑíÍ%_ \\*?[]5.sSßkKσΣς\N{KELVIN SIGN}ﬁ'\"", max_size=4),  # noqa: RUF001
    "n": st.integers(-(2**63), 2**63 - 1),
    "d": st.decimals(-10_000, 10_000, places=3),
    "f": st.floats(allow_nan=False),
    "b": st.booleans(),
    "day": st.dates(date(1800, 1, 1)),
    "at": st.datetimes(datetime(1800, 1, 1), datetime(9000, 1, 1), timezones=st.sampled_from(ZONES)),  # noqa: DTZ001
}
SORTED = [name for name in COLUMNS if name != "f"]  # infinity is no number where all is stored as text
Question = tuple[Filter, tuple[OrderTerm, ...], Page | None]


def values(column: str) -> st.SearchStrategy[Any]:
    """What is there, something close to it, or anything else."""
    there = st.sampled_from([v for v in COLUMNS[column] if v is not None])
    return there | there.flatmap(lambda value: st.sampled_from(close(value))) | NEW[column]


def close(value: Any) -> list[Any]:
    match value:
        case bool() | float():
            return [value]
        case str():
            return [value[:2], value[1:], value[1:-1], value.swapcase()]
        case int():
            return [v for v in (value - 1, value + 1) if -(2**63) <= v < 2**63]
        case Decimal():
            return [value + Decimal(step) for step in ("0.01", "0.005", "-0.001")]
        case datetime():
            return [value + timedelta(microseconds=step) for step in (1, 999, 10**6)]
    return [value + timedelta(days=1)]


@st.composite
def term(draw: st.DrawFn) -> Term:
    column = draw(st.sampled_from(list(COLUMNS)))
    type_ = type_of(TYPES[column])
    if draw(st.integers(0, 9)) == 0:
        return Term(column, type_, draw(st.sampled_from([Operator.IS_NULL, Operator.IS_NOT_NULL])), ())
    operators = [Operator.EQUALS] if column == "b" else [*BY_SIZE, *OF_TEXT] if column == "t" else [*BY_SIZE]
    operator = draw(st.sampled_from(operators))
    several = operator is Operator.EQUALS or operator in OF_TEXT
    wanted = tuple(draw(st.lists(values(column), min_size=1, max_size=3 if several else 1)))
    return Term(column, type_, operator, wanted, several and column == "t" and draw(st.booleans()), draw(st.booleans()))


def trees(of: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    parts = st.lists(of, max_size=3).map(tuple)
    return parts.map(All) | parts.map(AnyOf)


orders = st.lists(st.builds(OrderTerm, st.sampled_from(SORTED), st.booleans(), st.booleans()), max_size=2).map(tuple)
pages = st.none() | st.builds(Page, st.integers(0, 35), st.integers(1, 12))
questions: st.SearchStrategy[Question] = st.tuples(st.recursive(term(), trees, max_leaves=6), orders, pages)


@pytest.fixture(scope="module", params=deep_but(ENGINES, "sqlite_untyped", "postgres", "duckdb", "parquet"))
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Source]]:
    with KeptSources(ENGINES, tmp_path_factory.mktemp) as sources:
        settings, source = sources[request.param]
        yield settings.kind, source


@settings(max_examples=examples(60), derandomize=True)  # so each engine is asked the same
@given(question=questions)
def test_every_engine_answers_as_the_model_does(engine: tuple[str, Source], question: Question) -> None:
    kind, source = engine
    filter_, order, page = question
    columns = {name: TYPES[name] for name in dict.fromkeys(("id", *(term.column for term in order)))}
    total = (*order, OrderTerm("id"))
    expected = selected(filter_, order, page)
    done = read_from(source, spec_of(kind, columns, filter=filter_, order=total, page=page))
    assert [row["id"] for row in done.rows] == expected
    assert done.matched == len(expected)
