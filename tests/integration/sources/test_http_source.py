"""Rows of an HTTP API: every row once, whatever its pages look like and whichever filters it knows."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from services.contract.outcome import MatchedBy
from services.contract.spec import (
    All,
    AnyOf,
    ColumnType,
    HttpFilter,
    HttpOrder,
    HttpPages,
    Kind,
    Operator,
    OrderTerm,
    Page,
    Paging,
    Term,
)
from services.worker.sources.errors import SourceFailed
from tests.integration.sources.http_apis import INTEGER, LINKED, api_of, equals, failure, ids, read_from, thing
from tests.servers.api_platform import ApiPlatform, served

EVERY = list(range(1, 26))
CURSORS = HttpPages("cursors", items="data", paging=Paging.CURSOR, next="meta.next", parameter="after")
NUMBERS = HttpPages("numbers", items="data", paging=Paging.PAGE, parameter="page")
MOMENT = ColumnType(Kind.TIMESTAMP)
STYLES = {
    "hydra links": LINKED,
    "a named link": replace(LINKED, items="hydra:member", next="hydra:view.hydra:next", total="hydra:totalItems"),
    "the header Link": HttpPages("plain"),
    "cursors": CURSORS,
    "page numbers": NUMBERS,
}


@pytest.mark.parametrize("pages", STYLES.values(), ids=STYLES)
@pytest.mark.parametrize("count", [25, 20, 1])
def test_every_row_comes_once(pages: HttpPages, count: int) -> None:
    with api_of(count, page_size=10) as api:
        found = read_from(api, pages)
    assert ids(found) == EVERY[:count]
    assert found.matched == count


@pytest.mark.parametrize("prefix", ["hydra:", ""])
@pytest.mark.parametrize("gzipped", [True, False])
def test_nested_values_are_flattened_and_typed_by_the_catalog(prefix: str, gzipped: bool) -> None:
    with api_of(2, prefix=prefix, gzipped=gzipped) as api:
        found = read_from(api)
    assert found.rows[0] == {
        "id": 1,
        "issuer.rfc": "XAXX000001",
        "total": Decimal("1.50"),
        "issuedAt": datetime(2026, 1, 2, 10, tzinfo=UTC),
        "tags": '["a",{"b":1}]',
    }


def test_a_stated_number_of_rows_is_a_count() -> None:
    with api_of() as api:
        found = read_from(api)
        unstated = read_from(api, HttpPages("plain"))
    assert (found.matched_by, found.total, found.matched) == (MatchedBy.COUNT, 25, 25)
    assert (unstated.matched_by, unstated.total, unstated.matched) == (MatchedBy.END_OF_STREAM, 0, 25)


def test_no_rows_are_a_success_with_a_warning() -> None:
    with api_of(0) as api:
        found = read_from(api)
    assert (found.rows, found.matched) == ([], 0)
    assert [w.code for w in found.warnings] == ["NO_ROWS"]


# ---- filters

KNOWN = replace(
    LINKED,
    filters=(
        HttpFilter("status", Operator.EQUALS, "status"),
        HttpFilter("id", Operator.GREATER, "id[gt]"),
        HttpFilter("issuedAt", Operator.LESS, "issuedAt[strictly_before]"),
        HttpFilter("note", Operator.IS_NULL, "exists[note]"),
        HttpFilter("note", Operator.IS_NOT_NULL, "exists[note]"),
    ),
)
ABOVE_TEN = Term("id", INTEGER, Operator.GREATER, (10,))
OPEN = equals("status", "open")
EARLY = Term("issuedAt", MOMENT, Operator.LESS, (datetime(2026, 1, 8, 10, 0, 0, 5, tzinfo=UTC),))
NO_NOTE = Term("note", equals("note").type, Operator.IS_NULL, ())
SENT: dict[str, tuple[Any, list[tuple[str, str]], list[int]]] = {
    "one value": (OPEN, [("status", "open")], [3, 6, 9, 12, 15, 18, 21, 24]),
    "several": (equals("status", "open", "lost"), [("status[]", "open"), ("status[]", "lost")], EVERY[2::3]),
    "a range": (ABOVE_TEN, [("id[gt]", "10")], EVERY[10:]),
    "a moment": (EARLY, [("issuedAt[strictly_before]", "2026-01-08T10:00:00.000005Z")], EVERY[:7]),
    "nulls": (NO_NOTE, [("exists[note]", "false")], EVERY),
    "all of two": (All((OPEN, All((ABOVE_TEN,)))), [("status", "open"), ("id[gt]", "10")], [12, 15, 18, 21, 24]),
    "one of two": (AnyOf((OPEN, ABOVE_TEN)), [], sorted({*EVERY[2::3], *EVERY[10:]})),
    "or null": (replace(OPEN, or_null=True), [], EVERY[2::3]),
    "any case": (equals("status", "OPEN", ignore_case=True), [], EVERY[2::3]),
    "unknown to it": (Term("id", INTEGER, Operator.LESS, (3,)), [], [1, 2]),
    "an empty text": (equals("status", ""), [], []),
}


@pytest.mark.parametrize("filterable", [frozenset({"status", "id", "issuedAt", "note"}), frozenset()])
@pytest.mark.parametrize(("wanted", "sent", "expected"), SENT.values(), ids=SENT)
def test_a_filter_gives_the_same_rows_whether_the_remote_knows_it_or_not(
    wanted: Any, sent: list[tuple[str, str]], expected: list[int], filterable: frozenset[str]
) -> None:
    with api_of(filterable=filterable) as api:
        found = read_from(api, KNOWN, filter=wanted)
    assert api.requests[0].query == [*sent, ("itemsPerPage", "10")]
    assert (ids(found), found.matched) == (expected, len(expected))


def test_what_the_catalog_asks_for_in_the_path_stays() -> None:
    with api_of(filterable=frozenset({"status"})) as api:
        found = read_from(api, replace(KNOWN, path="things?status=paid"), filter=equals("status", "open", "paid"))
    assert api.requests[0].query == [("status", "paid"), ("itemsPerPage", "10")]
    assert ids(found) == [n for n in EVERY if n % 3]


def test_a_total_is_no_count_of_what_the_worker_leaves_out() -> None:
    with api_of() as api:
        found = read_from(api, KNOWN, filter=OPEN)
    assert found.matched_by is MatchedBy.END_OF_STREAM


def test_a_parameter_of_the_path_is_percent_encoded_and_shown_in_every_row() -> None:
    pages = replace(LINKED, path="things/{owner_name}/things?kind=all")
    with api_of() as api:
        columns = {"id": "integer", "owner_name": "text"}
        found = read_from(api, pages, columns, filter=equals("owner_name", "eva maría"))
    assert api.requests[0].path == "/things/eva%20mar%C3%ADa/things"
    assert ("kind", "all") in api.requests[0].query
    assert found.rows == [{"id": n, "owner_name": "eva maría"} for n in EVERY[1::2]]
    assert found.matched_by is MatchedBy.COUNT


@pytest.mark.parametrize("owner", ["nobody", "..", ".", "a/../../things", "?"])
def test_a_parameter_that_leads_nowhere_gives_no_rows(owner: str) -> None:
    with api_of() as api:
        found = read_from(api, replace(LINKED, path="things/{o}/things"), {"id": "integer"}, filter=equals("o", owner))
    assert found.matched == 0


def test_a_path_without_its_parameter_or_that_is_not_there_fails() -> None:
    with api_of() as api:
        assert failure(api, replace(LINKED, path="things/{o}/things")) == "RELATION_MISSING"
        assert failure(api, replace(LINKED, path="none")) == "RELATION_MISSING"


# ---- order and pages of it


def test_the_order_is_the_remotes_own() -> None:
    pages = replace(LINKED, order=(HttpOrder("issuer.rfc", "order[issuer.rfc]"),))
    with api_of() as api:
        found = read_from(api, pages, order=(OrderTerm("issuer.rfc", descending=True), OrderTerm("id")))
        assert failure(api, pages, order=(OrderTerm("total"), OrderTerm("id"))) == "RELATION_INVALID"
    assert ids(found) == EVERY[::-1]


@pytest.mark.parametrize("descending", [True, False])
def test_a_remote_that_does_not_sort_as_it_was_told_is_found_out(*, descending: bool) -> None:
    pages = replace(LINKED, order=(HttpOrder("total", "sort[total]"), HttpOrder("issuedAt", "order[issuedAt]")))
    items = [thing(n, total=None if n == 5 else n % 20 * (-1 if descending else 1)) for n in range(1, 26)]
    with served(ApiPlatform(items)) as api:
        assert failure(api, pages, order=(OrderTerm("total", descending),)) == "RELATION_INVALID"
        found = read_from(api, pages, order=(OrderTerm("issuedAt", descending), OrderTerm("id")))
    moments = [row["issuedAt"] for row in found.rows]
    assert moments == sorted(moments, reverse=descending)


def test_only_a_page_of_the_rows_is_read() -> None:
    with api_of(100) as api:
        found = read_from(api, page=Page(5, 10))
    assert ids(found) == list(range(6, 16))
    assert (found.matched, found.matched_by, len(api.requests)) == (10, MatchedBy.END_OF_STREAM, 2)


# ---- values

VALUES: dict[str, tuple[str, Any, Any]] = {
    "text of a number": ("text", 12, "12"),
    "text of an object": ("text", {"a": [1.10]}, '{"a":[1.1]}'),
    "text of a boolean": ("text", True, "true"),
    "a whole number with a point": ("integer", 5.0, 5),
    "a whole number as text": ("integer", "5", 5),
    "a decimal as text": ("decimal(18,2)", "12.30", Decimal("12.30")),
    "a boolean as number": ("boolean", 1, True),
    "a float": ("float", 0.1, 0.1),
    "a text as JSON": ("json", "a", '"a"'),
    "base64": ("binary", "AAEC", b"\x00\x01\x02"),
    "null": ("json", None, None),
}


@pytest.mark.parametrize(("type_", "sent", "expected"), VALUES.values(), ids=VALUES)
def test_a_value_is_what_its_column_says(type_: str, sent: Any, expected: Any) -> None:
    with served(ApiPlatform([thing(1, value=sent), thing(2, value=None)])) as api:
        found = read_from(api, columns={"id": "integer", "value": type_})
    assert [row["value"] for row in found.rows] == [expected, None]


def test_no_digit_of_a_number_is_lost() -> None:
    digits = "12345678901234567890.123456789"
    body = b'{"member": [{"id": 1, "d": %b, "j": {"x": [%b, 123456789012345678901234567890]}}]}'
    moment = lambda _, reply: replace(reply, body=body % (digits.encode(), digits.encode()))  # noqa: E731
    with api_of(1, always=moment) as api:
        found = read_from(api, columns={"id": "integer", "d": "decimal(38,9)", "j": "json"})
    assert found.rows[0]["d"] == Decimal(digits)
    assert found.rows[0]["j"] == f'{{"x":[{digits},123456789012345678901234567890]}}'


BAD = {
    "text as integer": ("integer", "x"),
    "too large": ("integer", 2**63),
    "a fraction as integer": ("integer", 1.5),
    "an object as decimal": ("decimal(18,2)", {}),
    "too many digits": ("decimal(18,2)", 1.123),
    "no base64": ("binary", "a"),
    "a number as binary": ("binary", 5),
    "no date": ("date", "tomorrow"),
}


@pytest.mark.parametrize(("type_", "sent"), BAD.values(), ids=BAD)
def test_a_value_of_another_type_is_named_by_its_row(type_: str, sent: Any) -> None:
    items = [*(thing(n, value=None) for n in range(1, 13)), thing(13, value=sent)]
    wrong = pytest.raises(SourceFailed, match="Column 'value' holds a value in row 13 that is not")
    with served(ApiPlatform(items)) as api, wrong:
        read_from(api, columns={"id": "integer", "value": type_})


def test_a_column_that_no_item_has_is_shown_in_a_warning() -> None:
    with api_of(3) as api:
        found = read_from(api, columns={"id": "integer", "isuedAt": "timestamp"})
    assert [(w.code, w.count) for w in found.warnings] == [("COLUMN_EMPTY", 1)]
    assert "isuedAt" in found.warnings[0].message


def test_items_without_a_key_fail() -> None:
    with served(ApiPlatform([{"name": "a"}])) as api:
        assert failure(api) == "COLUMN_MISSING"
