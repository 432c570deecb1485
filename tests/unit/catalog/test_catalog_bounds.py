"""What a request cannot undo: the tenant's rows; and what bounds it: pages, limits, moments, masks."""

from datetime import UTC, datetime, timedelta

import pytest

from services.api.catalog.columns import ColumnChoice
from services.api.catalog.definition.file import load
from services.api.catalog.model import Catalog
from services.api.catalog.query.since import Since
from services.api.catalog.resolve import Resolved, resolve
from services.api.domain.filter_mode import FilterMode
from services.contract.errors import InvalidRequest
from services.contract.spec import All, ColumnType, Kind, Limits, Mask, Operator, Page, ReadingMode, Term

FILE = """
[sources.books]
kind = "sql"

[collections.Orders]
path = "/shops/{shopId}/orders"
source = "books"
table = "orders"
key = ["id"]
formats = ["JSON"]
tenant_column = "tenant_id"
changed = "updatedAt"
changed_overlap_seconds = 60
reading = "keyset"
limits = { max_rows = 10, max_items_per_page = 20, max_snapshot_seconds = 30 }
parameters.shopId = { column = "shop_id" }
columns = [
  { field = "id", type = "integer" },
  { field = "tenant", name = "tenant_id" },
  { field = "updatedAt", name = "updated_at", type = "timestamp" },
  { field = "buyer.name" },
  { field = "buyer.card", mask = "last4" },
]

[collections.Own]
path = "/tenants/{tenantId}/orders"
source = "books"
table = "orders"
key = ["id"]
formats = ["JSON"]
tenant_column = "tenant_id"
tenant_type = "integer"
parameters.tenantId = { column = "tenant_id", type = "integer" }
columns = [{ field = "id", type = "integer" }]
"""
TEXT = ColumnType(Kind.TEXT)
URI = "/shops/7/orders"
SHOP = Term("shop_id", TEXT, Operator.EQUALS, ("7",))
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    path = tmp_path_factory.mktemp("bounds") / "catalog.toml"
    path.write_text(FILE, encoding="utf-8")
    return load(path)


def refused(catalog: Catalog, **request) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        resolve(catalog, **request)
    return {v.field: v.description for v in caught.value.violations}


def of(tenant: str) -> Term:
    return Term("tenant_id", TEXT, Operator.EQUALS, (tenant,))


def changed(resolved: Resolved) -> Term:
    [term] = [t for t in resolved.spec.filter.filters if isinstance(t, Term) and t.column == "updated_at"]
    return term


@pytest.mark.parametrize("mode", FilterMode)
@pytest.mark.parametrize(
    "query", ["", "?tenant=b", "?tenant_id=b", "?exists[tenant]=1", "?tenant[gt]=a", "?tenant[]=b&id=1"]
)
def test_no_query_reaches_the_rows_of_another_tenant(catalog: Catalog, query: str, mode: FilterMode) -> None:
    if query and mode is FilterMode.STRICT:
        assert refused(catalog, uri=URI + query, tenant="a")
        return
    filter_ = resolve(catalog, uri=URI + query, tenant="a", mode=mode).spec.filter
    assert isinstance(filter_, All)
    assert filter_.filters[:2] == (of("a"), SHOP)
    assert of("b") not in filter_.filters


def test_a_tenant_need_not_say_who_it_is_and_can_be_nobody_else(catalog: Catalog) -> None:
    number = ColumnType(Kind.INTEGER)
    mine = Term("tenant_id", number, Operator.EQUALS, (7,))
    assert resolve(catalog, type_="Own", tenant="7").spec.filter == All((mine,))
    theirs = resolve(catalog, uri="/tenants/8/orders", tenant="7").spec.filter
    assert theirs == All((mine, Term("tenant_id", number, Operator.EQUALS, (8,))))
    assert refused(catalog, type_="Own", tenant="acme") == {
        "tenant": "Own tells tenants apart by integer: acme is not an integer such as 42"
    }


def test_limits_reading_and_masks_are_frozen_into_the_job(catalog: Catalog) -> None:
    spec = resolve(catalog, uri=URI).spec
    assert (spec.limits, spec.reading, spec.page) == (Limits(10, 30), ReadingMode.KEYSET, None)
    assert [c.mask for c in spec.columns] == [None, None, None, None, Mask.LAST4]


def test_a_page_is_frozen_into_the_job_and_has_the_collections_bound(catalog: Catalog) -> None:
    assert resolve(catalog, uri=f"{URI}?page=3").spec.page == Page(40, 20)
    assert resolve(catalog, uri=f"{URI}?page=3&itemsPerPage=5").spec.page == Page(10, 5)
    assert "uri.query[itemsPerPage]" in refused(catalog, uri=f"{URI}?page=1&itemsPerPage=21")


def test_properties_of_the_query_pick_columns(catalog: Catalog) -> None:
    assert [c.field for c in resolve(catalog, uri=f"{URI}?properties[buyer][]=name&properties[]=id").columns] == [
        "buyer.name",
        "id",
    ]


def test_columns_and_properties_do_not_go_together(catalog: Catalog) -> None:
    both = refused(catalog, uri=f"{URI}?properties[]=id", columns=[ColumnChoice("id")])
    assert both == {"columns": "the query has properties, which select columns, too; use one of the two"}


def test_what_has_changed_since_a_moment_is_what_after_means(catalog: Catalog) -> None:
    since = resolve(catalog, uri=URI, since=Since("changed_since", NOON))
    after = resolve(catalog, uri=f"{URI}?updatedAt[after]=2026-01-31T12:00Z")
    assert (since.spec.filter, since.query) == (after.spec.filter, after.query)
    assert since.query == "updatedAt[after]=2026-01-31T12:00:00Z"


def test_what_has_changed_since_an_export_begins_the_overlap_earlier(catalog: Catalog) -> None:
    since = resolve(catalog, uri=URI, since=Since("since_export", NOON, of_export="Orders"))
    assert changed(since).values == (NOON - timedelta(seconds=60),)


@pytest.mark.parametrize(
    ("uri", "since", "part"),
    [
        ("/tenants/1/orders", Since("changed_since", NOON), "Own has no column that says when a row changed"),
        (URI, Since("since_export", NOON, of_export="Own"), "that export is of Own; give one of Orders"),
        (f"{URI}?updatedAt[after]=2026-01-01", Since("changed_since", NOON), "the query has updatedAt[after] too"),
    ],
)
def test_a_moment_that_cannot_be_kept_is_refused(catalog: Catalog, uri: str, since: Since, part: str) -> None:
    found = refused(catalog, uri=uri, since=since, tenant="1")
    assert [*found] == [since.field]
    assert part in found[since.field]
