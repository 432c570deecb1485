"""What a query asks of each row is bounded, and what is too much is named."""

import pytest

from services.api.catalog.query.parser import Query, parse_query
from services.api.catalog.query.work import MAX_COMPARISONS, TEXT_COMPARISONS, comparisons
from services.api.domain.filter_mode import FilterMode
from services.contract.errors import InvalidRequest
from tests.unit.hostile.parsers import wide_catalog

MANY_TEXTS = MAX_COMPARISONS // TEXT_COMPARISONS


def read(query: str, mode: FilterMode = FilterMode.STRICT, path: dict[str, str] | None = None) -> Query:
    return parse_query(wide_catalog().collections[0], query, path=path, mode=mode)


def listed(name: str, count: int) -> str:
    """As many values as this, beside the parameter of the path, which counts once."""
    return "&".join(["entityId=1", *(f"{name}={n}" for n in range(count))])


LISTS = [
    (listed("n[]", MAX_COMPARISONS), "n"),
    (listed("s[]", MANY_TEXTS), "s"),
    (listed("s[]", MANY_TEXTS - 1) + "&" + "&".join(f"n[]={n}" for n in range(TEXT_COMPARISONS)), "s"),
]
OTHERS = [
    ("entityId=1&" + "&".join(f"n[between]={n}..{n}" for n in range(MAX_COMPARISONS // 2)), "n[between]"),
    (listed("n[lt]", MAX_COMPARISONS), "n[lt]"),
]
CASES = [(*case, mode) for mode in FilterMode for case in LISTS] + [(*case, FilterMode.STRICT) for case in OTHERS]
"""In LENIENT mode the last one counts of what is repeated and is no list."""


@pytest.mark.parametrize(("query", "named", "mode"), CASES, ids=lambda part: str(part)[:12])
def test_too_many_comparisons_are_refused_by_name(query: str, named: str, mode: FilterMode) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(query, mode)
    (violation,) = refused.value.violations
    assert violation.field == f"query[{named}]"
    assert str(MAX_COMPARISONS) in violation.description


def test_of_a_uri_the_field_says_so() -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(listed("s[]", MANY_TEXTS).removeprefix("entityId=1&"), path={"entityId": "1"})
    assert [violation.field for violation in refused.value.violations] == ["uri.query[s]"]


@pytest.mark.parametrize("query", [listed("n[]", MAX_COMPARISONS - 1), listed("s[]", MANY_TEXTS - 1), "entityId=1"])
def test_what_is_no_more_than_that_is_taken(query: str) -> None:
    assert sum(map(comparisons, read(query).filter.filters)) <= MAX_COMPARISONS


def test_a_value_that_is_repeated_counts_once() -> None:
    read("entityId=1&" + "s[]=a&" * MAX_COMPARISONS)
