"""Filters with thousands of values give the same rows as with one, in every engine."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from services.contract.spec import All, AnyOf, Filter, Operator, Term
from services.worker.sources.kind import SourceSettings
from tests.integration.sources.filter_engines import ENGINES
from tests.integration.sources.filter_model import TYPES, selected
from tests.integration.sources.source_specs import read, spec_of, type_of
from tests.tiers import deep_but

MANY = 2_000


@pytest.fixture(
    scope="module", params=deep_but(["sqlite_declared", "postgres", "duckdb", "parquet"], "sqlite_declared", "postgres")
)
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SourceSettings:
    return ENGINES[request.param](tmp_path_factory.mktemp("many"))


def term(column: str, operator: Operator, values: Sequence[Any], **more: bool) -> Term:
    return Term(column, type_of(TYPES[column]), operator, tuple(values), **more)


def others(text: str) -> list[str]:
    """Texts of digits, which SQLite may have stored in five ways, and the text itself."""
    return [*(str(10**6 + i) for i in range(MANY - 1)), text]


def between(first: int, last: int) -> Filter:
    return All((term("n", Operator.GREATER_OR_EQUAL, [first]), term("n", Operator.LESS_OR_EQUAL, [last])))


FILTERS: dict[str, Filter] = {
    "texts": term("t", Operator.EQUALS, others("abc")),
    "parts of texts": term("t", Operator.CONTAINS, others("b")),
    "whole numbers": term("n", Operator.EQUALS, range(MANY)),
    "spans": AnyOf(tuple(between(3 * i, 3 * i + 1) for i in range(MANY // 2))),
}


@pytest.mark.parametrize("name", deep_but(FILTERS, "texts", "spans"))
def test_thousands_of_values_are_a_filter_like_another(source: SourceSettings, name: str) -> None:
    done = read(source, spec_of(kind_of(source), {"id": "integer"}, filter=FILTERS[name]))
    assert [row["id"] for row in done.rows] == selected(FILTERS[name]) != []


def test_more_values_than_sqlite_takes_are_decided_here(tmp_path: Path) -> None:
    filter_ = term("t", Operator.EQUALS, [*map(str, range(10_000)), "abc"])
    done = read(ENGINES["sqlite_declared"](tmp_path), spec_of("sql", {"id": "integer"}, filter=filter_))
    assert [row["id"] for row in done.rows] == selected(filter_) != []


def kind_of(source: object) -> str:
    return source.kind
