"""Columns chosen: picked, ordered, renamed. Columns of a file, of which equal ones are read once."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from services.api.catalog.columns import ColumnChoice
from services.api.catalog.definition.column_reader import ColumnReader
from services.api.catalog.model import Catalog
from services.api.catalog.resolve import Resolved, resolve
from services.contract.errors import InvalidRequest
from services.contract.formats import Format
from services.contract.spec import OrderTerm

URI = "/entities/7/invoices"


def chosen(catalog: Catalog, *columns: tuple[str, str], uri: str = URI, format_: Format = Format.CSV) -> Resolved:
    return resolve(catalog, uri=uri, format_=format_, columns=[ColumnChoice(*c) for c in columns])


def refused(catalog: Catalog, *columns: tuple[str, str]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        chosen(catalog, *columns)
    return [(v.field, v.description) for v in caught.value.violations]


def test_columns_come_in_the_order_chosen_under_the_headers_given(catalog: Catalog) -> None:
    columns = chosen(catalog, ("total", ""), ("issuedAt", "Fecha"), ("issuer.rfc", "")).columns
    assert [(c.name, c.field, c.header) for c in columns] == [
        ("total", "total", "total"),
        ("issued_at", "issuedAt", "Fecha"),
        ("issuer_rfc", "issuer.rfc", "issuer.rfc"),
    ]


def test_key_order_and_filter_need_not_be_columns_of_the_table(catalog: Catalog) -> None:
    spec = chosen(catalog, ("total", ""), uri=f"{URI}?status=paid&order[issuedAt]=asc").spec
    assert (spec.key, spec.order) == (("id",), (OrderTerm("issued_at"), OrderTerm("id")))
    assert [c.field for c in spec.columns] == ["total"]
    assert spec.query == "status=paid&order[issuedAt]=asc"


def test_every_wrong_column_is_named_at_once(catalog: Catalog) -> None:
    assert refused(catalog, ("total", ""), ("isuedAt", ""), ("total", "x"), ("rate", "h" * 256), ("", "")) == [
        ("columns[1].field", "unknown isuedAt: did you mean issuedAt?"),
        ("columns[2].field", "total is there twice"),
        ("columns[3].header", "must be at most 255 characters"),
        (
            "columns[4].field",
            "it is empty: known are id, issuedAt, dueOn, issuer.rfc, issuer.id, status, total, rate, paid, raw, …",
        ),
    ]


@pytest.mark.parametrize("columns", [(("total", "T"), ("rate", "T")), (("total", "rate"), ("rate", ""))])
def test_two_columns_with_one_header_are_refused(catalog: Catalog, columns) -> None:
    [(field, description)] = refused(catalog, *columns)
    assert field == "columns[1].header"
    assert "columns[0] has the header" in description


def test_a_header_that_the_format_does_not_show_is_a_warning(catalog: Catalog) -> None:
    (warning,) = chosen(catalog, ("total", "T"), ("rate", "rate"), ("paid", ""), format_=Format.JSON).warnings
    assert (warning.code, warning.count) == ("HEADER_UNUSED", 1)
    assert chosen(catalog, ("total", "T"), format_=Format.XLSX).warnings == ()


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("America/Mexico_City", "2026-01-31", datetime(2026, 1, 31, 6, tzinfo=UTC)),
        ("Asia/Kathmandu", "2026-01-31", datetime(2026, 1, 30, 18, 15, tzinfo=UTC)),
        # A day without a midnight begins when its first moment comes, at 01:00.
        ("America/Sao_Paulo", "2018-11-04", datetime(2018, 11, 4, 3, tzinfo=UTC)),
    ],
)
def test_a_bare_date_is_midnight_in_the_time_zone(catalog: Catalog, zone: str, day: str, begins: datetime) -> None:
    resolved = resolve(catalog, uri=f"{URI}?issuedAt[after]={day}", time_zone=ZoneInfo(zone))
    assert resolved.spec.filter.filters[1].values == (begins,)  # type: ignore[union-attr]
    assert f"issuedAt[after]={begins:%Y-%m-%dT%H:%M:%SZ}" in resolved.query


def test_an_equal_column_that_is_right_elsewhere_hides_no_mistake() -> None:
    def read(code: str, tenant_column: str, *contents: object) -> list[str]:
        reader = ColumnReader(code, tenant_column, mistakes := [])
        reader.read(contents)
        return [f"{mistake.table} {mistake.key}" for mistake in mistakes]

    assert read("A", "", {"field": "id", "filter": True}) == []
    assert read("B", "", {"field": "id", "filter": 1}, {"field": "id", "filter": 1.0}) == [
        "[[collections.B.columns]] no. 1 filter",
        "[[collections.B.columns]] no. 2 filter",
    ]
    assert read("C", "id", {"field": "id", "filter": True}) == ["[[collections.C.columns]] no. 1 filter"]
    for code in ("D", "E"):
        assert read(code, "", {"field": "id", "tpye": "text"}) == [f"[[collections.{code}.columns]] no. 1 tpye"]
