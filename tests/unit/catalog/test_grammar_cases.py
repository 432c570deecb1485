"""Every row of the table of grammar cases, in both modes; and the page that is made of it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from services.api.catalog.definition.file import load
from services.api.catalog.model import Collection
from services.api.catalog.query.parser import Query, parse_query
from services.api.domain.filter_mode import FilterMode
from services.contract.errors import InvalidRequest
from tests.unit.catalog.grammar_cases import CASES, CATALOG, Case
from tests.unit.catalog.grammar_shown import PAGE, meaning, page
from tests.unit.catalog.plain_filter import matches

PATH = {"entityId": "e-1"}


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    path = tmp_path_factory.mktemp("grammar") / "catalog.toml"
    path.write_text(CATALOG)
    return load(path).collections[0]


def parsed(collection: Collection, text: str, mode: FilterMode = FilterMode.STRICT) -> Query:
    return parse_query(collection, text, path=PATH, mode=mode)


def matching(collection: Collection, text: str, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    filter_ = parsed(collection, text).filter
    return [row for row in rows if matches(filter_, {"entity_id": "e-1", **row})]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.query or "nothing")
def test_strict(collection: Collection, case: Case) -> None:
    if not case.refused:
        assert meaning(parsed(collection, case.query)) == case.means
        return
    with pytest.raises(InvalidRequest) as caught:
        parsed(collection, case.query)
    assert case.means in " ".join(v.description for v in caught.value.violations)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.query or "nothing")
def test_lenient(collection: Collection, case: Case) -> None:
    if case.leniently == "refused":
        with pytest.raises(InvalidRequest):
            parsed(collection, case.query, FilterMode.LENIENT)
        return
    query = parsed(collection, case.query, FilterMode.LENIENT)
    assert meaning(query) == case.leniently
    if case.leniently != case.means and "[0]" not in case.query:
        assert query.warnings


def test_the_table_is_large_and_says_where_each_case_comes_from() -> None:
    assert len(CASES) >= 120
    assert all(case.source for case in CASES)
    assert len({case.query for case in CASES}) > 0.95 * len(CASES)


def test_the_page_is_made_of_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.unit.catalog.grammar_shown"


# ---- the figures of API Platform's own tests, on their own rows


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("total[between]=12.99..15.99", 15),
        ("total[between]=12.99..12.99", 8),
        ("total[lt]=12.99", 8),
        ("total[lte]=12.99", 16),
        ("total[gt]=15.99", 7),
        ("total[gte]=15.99", 14),
        ("total[gt]=12.99&total[lt]=19.99", 7),
        ("total[gt]=19.99", 0),
    ],
)
def test_prices_in_turn_over_30_rows(collection: Collection, text: str, count: int) -> None:
    rows = [{"total": Decimal(price)} for price in ["9.99", "12.99", "15.99", "19.99"] * 8][:30]
    assert len(matching(collection, text, rows)) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("issuedAt[after]=2015-04-28", 2),
        ("issuedAt[before]=2015-04-05", 5),
        ("issuedAt[after]=2015-04-28T00:00:00%2B00:00", 2),
        ("issuedAt[before]=2015-04-05Z", 5),
        ("issuedAt[before]=2015-04-05&issuedAt[after]=2015-04-05", 1),
        ("issuedAt[after]=2015-04-06&issuedAt[before]=2015-04-04", 0),
    ],
)
def test_a_day_each_of_30_rows_the_last_one_null(collection: Collection, text: str, count: int) -> None:
    days = [datetime(2015, 4, 1, tzinfo=UTC) + timedelta(days=n) for n in range(29)]
    assert len(matching(collection, text, [{"issuedAt": day} for day in [*days, None]])) == count


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("cancelledAt[after]=2015-04-02", [2, None]),
        ("cancelledAt[before]=2015-04-02", [1, 2]),
        ("paidAt[before]=2015-04-01", [1, None]),
        ("paidAt[after]=2015-04-01", [1, 2]),
        ("sentAt[before]=2015-04-01", [1, None]),
        ("sentAt[after]=2015-04-02", [2, None]),
    ],
)
def test_nulls_match_where_the_catalog_includes_them(collection: Collection, text: str, days: list[int | None]) -> None:
    field = text.partition("[")[0]
    rows = [{field: datetime(2015, 4, d, tzinfo=UTC) if d else None} for d in (1, 2, None)]
    assert matching(collection, text, rows) == [row for row, d in zip(rows, (1, 2, None), strict=True) if d in days]


def test_text_is_found_as_the_column_says(collection: Collection) -> None:
    rows = [{"notes": "100% sure", "name": "ÑANDÚ", "subject": "not so smart", "title": "Strasse"}]
    found = ["notes=0%25", "name=ñandú", "subject=so", "subject=not so", "title=STRAß"]
    missed = ["notes=0_", "notes=SURE", "name=nandu", "subject=mart", "subject=So", "title=sse"]
    assert [text for text in found + missed if matching(collection, text, rows)] == found


def test_a_date_is_in_the_time_zone_only_where_there_is_a_time(collection: Collection) -> None:
    assert len(matching(collection, "dueOn[after]=2026-01-31", [{"dueOn": date(2026, 1, 31)}])) == 1
