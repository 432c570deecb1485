"""What the catalog file says about columns, tenants, limits and sources, and each mistake that can be made with it."""

from pathlib import Path

import pytest

from services.api.catalog.definition.file import load
from services.api.catalog.model import CatalogColumn, Collection, Match, Nulls, TenantColumn
from services.api.catalog.query.parser import parse_query
from services.contract.errors import InvalidRequest
from services.contract.spec import (
    Blob,
    BlobKey,
    ColumnType,
    HttpFilter,
    HttpOrder,
    HttpPages,
    Kind,
    Limits,
    Mask,
    Operator,
    OrderTerm,
    Paging,
    ReadingMode,
    Relation,
)
from services.runtime.toml import FileError

HEAD = """
[sources.books]
kind = "sql"
[sources.other]
kind = "sql"
[sources.web]
kind = "http"
[sources.files]
kind = "parquet"
[sources.papers]
kind = "folder"
[collections.C]
path = "/c/{shopId}"
parameters.shopId = { column = "shop_id" }
key = ["id", "line"]
formats = ["CSV"]
"""
TABLE = """
source = "books"
table = "c"
columns = [
  { field = "id" },
  { field = "name" },
  { field = "at", type = "timestamp" },
  { field = "n", type = "integer" },
]
"""
WEB = """
source = "web"
columns = [{ field = "id" }, { field = "name", match = "ipartial" }, { field = "at", type = "timestamp" }]
[collections.C.http]
path = "shops/{shop_id}/things"
"""


@pytest.fixture
def read(tmp_path: Path):
    def collection(text: str) -> Collection:
        (tmp_path / "catalog.toml").write_text(text, encoding="utf-8")
        return load(tmp_path / "catalog.toml").collections[0]

    return collection


@pytest.fixture
def mistakes(read):
    def found(text: str) -> list[str]:
        with pytest.raises(FileError) as caught:
            read(text)
        return [str(m) for m in caught.value.mistakes]

    return found


def column(read, keys: str) -> CatalogColumn:
    text = TABLE.replace("columns = [", f'columns = [\n  {{ field = "x", {keys} }},')
    return read(HEAD + text).columns[0]


@pytest.mark.parametrize(
    ("keys", "uses"),
    [
        ('type = "text"', "filter exists sort"),
        ('mask = "hash"', ""),
        ('mask = "redact", filter = true', "filter exists sort"),
        ('mask = "redact", sort = true', "sort"),
        ('type = "json"', "exists"),
        ("filter = false", ""),
        ("filter = false, exists = true", "exists"),
        ("exists = false", "filter sort"),
    ],
)
def test_what_queries_may_do_with_a_column_follows_from_what_it_is(read, keys: str, uses: str) -> None:
    found = column(read, keys)
    assert [use for use in ("filter", "exists", "sort") if getattr(found, use)] == uses.split()


def test_a_column_says_how_it_matches_where_its_nulls_are_and_what_files_show(read) -> None:
    found = column(read, 'match = "iword_start", nulls = "smallest", mask = "last4"')
    assert (found.match, found.nulls, found.mask) == (Match.IWORD_START, Nulls.SMALLEST, Mask.LAST4)
    assert (found.match.operator, found.match.ignore_case) == (Operator.WORD_STARTS_WITH, True)
    assert found.spec.mask is Mask.LAST4


@pytest.mark.parametrize(
    ("nulls", "ascending", "descending"),
    [
        (Nulls.LAST, False, False),
        (Nulls.FIRST, True, True),
        (Nulls.SMALLEST, True, False),
        (Nulls.LARGEST, False, True),
    ],
)
def test_nulls_come_first(nulls: Nulls, ascending: bool, descending: bool) -> None:
    assert (nulls.first(descending=False), nulls.first(descending=True)) == (ascending, descending)


def test_a_default_order_has_the_nulls_of_its_columns(read) -> None:
    text = TABLE.replace('{ field = "at",', '{ field = "at", nulls = "first",')
    assert [t.term for t in read(HEAD + 'order = "-at"\n' + text).order] == [
        OrderTerm("at", descending=True, nulls_first=True)
    ]


def test_a_collection_has_a_tenant_limits_and_a_way_of_reading(read) -> None:
    more = """
tenant_column = "tenant"
tenant_type = "integer"
changed = "at"
changed_overlap_seconds = 0
reading = "keyset"
limits = { max_rows = 10, max_items_per_page = 20, max_snapshot_seconds = 30 }
"""
    found = read(HEAD + more + TABLE)
    assert found.tenant == TenantColumn("tenant", ColumnType(Kind.INTEGER))
    assert (found.changed.column.field, found.changed.overlap_s) == ("at", 0)
    assert (found.reading, found.limits) == (ReadingMode.KEYSET, Limits(10, 30))
    assert found.max_items_per_page == 20


def test_what_is_left_out_limits_nothing_and_reads_a_snapshot(read) -> None:
    found = read(HEAD + TABLE)
    assert (found.tenant, found.changed, found.limits) == (None, None, Limits())
    assert (found.reading, found.max_items_per_page) == (ReadingMode.SNAPSHOT, 1000)
    assert read(HEAD + 'changed = "at"' + TABLE).changed.overlap_s == 300


def test_the_tenants_column_may_be_shown_but_not_asked_for(read) -> None:
    [tenant] = [c for c in read(HEAD + 'tenant_column = "n"' + TABLE).columns if c.name == "n"]
    assert {tenant.filter, tenant.exists, tenant.sort} == {False}


def test_a_parameter_that_the_tenant_binds_is_not_demanded(read) -> None:
    assert read(HEAD + TABLE).demanded == ("shopId",)
    assert read(HEAD + 'tenant_column = "shop_id"' + TABLE).demanded == ()


def test_an_http_collection_says_what_the_remote_does(read) -> None:
    more = """
paging = "cursor"
next = "meta.next"
parameter = "cursor"
size_parameter = "limit"
page_size = 50
items = "data"
total = "meta.total"
filters = { id = "id", name = "q", "at[after]" = "since", "at[lt]" = "until", "exists[name]" = "has_name" }
order = { at = "sort[at]" }
"""
    found = read(HEAD + WEB + more)
    assert found.relation.http == HttpPages(
        path="shops/{shop_id}/things",
        items="data",
        paging=Paging.CURSOR,
        next="meta.next",
        parameter="cursor",
        size_parameter="limit",
        page_size=50,
        total="meta.total",
        filters=(
            HttpFilter("id", Operator.EQUALS, "id"),
            HttpFilter("name", Operator.CONTAINS, "q", ignore_case=True),
            HttpFilter("at", Operator.GREATER_OR_EQUAL, "since"),
            HttpFilter("at", Operator.LESS, "until"),
            HttpFilter("name", Operator.IS_NULL, "has_name"),
            HttpFilter("name", Operator.IS_NOT_NULL, "has_name"),
        ),
        order=(HttpOrder("at", "sort[at]"),),
    )
    assert [c.field for c in found.columns if c.sort] == ["at"]


def attachment(read, keys: str, head: str = HEAD + TABLE):
    return read(f'{head}\n[collections.C.attachments."a"]\npath = "{{id}}.pdf"\n{keys}').attachments[0]


@pytest.mark.parametrize(
    ("text", "refused"), [("order[id]=asc", False), ("order[id]=desc", True), ("order[n]=asc", True)]
)
def test_reading_by_keyset_has_the_order_of_the_key_only(read, text: str, refused: bool) -> None:
    collection = read(HEAD + 'reading = "keyset"' + TABLE)
    if not refused:
        assert parse_query(collection, text, path={"shopId": "1"}).order == (OrderTerm("id"), OrderTerm("line"))
        return
    with pytest.raises(InvalidRequest):
        parse_query(collection, text, path={"shopId": "1"})


def test_a_binary_column_is_of_the_collections_own_table_unless_it_says_otherwise(read) -> None:
    own = attachment(read, 'source = "books"\ncolumn = "pdf"')
    assert own.blob == Blob(Relation(table="c"), "pdf", (BlobKey("id", "id"), BlobKey("line", "line")))
    other = attachment(read, 'source = "other"\ncolumn = "pdf"\nquery = "SELECT 1"\nkey = { c_id = "id" }')
    assert other.blob == Blob(Relation(query="SELECT 1"), "pdf", (BlobKey("c_id", "id"),))
    assert attachment(read, 'source = "papers"').blob is None


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            TABLE.replace('"name"', '"name", mask = "hide"'),
            '[[collections.C.columns]] no. 2 mask: "hide" is not known; ',
        ),
        (
            TABLE.replace('"name"', '"name", match = "like"'),
            '[[collections.C.columns]] no. 2 match: "like" is not known; ',
        ),
        (
            TABLE.replace('"integer"', '"integer", match = "start"'),
            "[[collections.C.columns]] no. 4 match: is for text, not for integer",
        ),
        (
            TABLE.replace('"name"', '"name", nulls = "end"'),
            '[[collections.C.columns]] no. 2 nulls: "end" is not known; ',
        ),
        (
            TABLE.replace('"name"', '"name", include_null_after = true'),
            "[[collections.C.columns]] no. 2 include_null_after: is for dates and timestamps, not for text",
        ),
        (
            'tenant_column = "name"' + TABLE.replace('"name"', '"name", filter = true'),
            "[[collections.C.columns]] no. 2 filter: name is the tenant_column, which no query compares",
        ),
        (
            'tenant_column = "name"' + TABLE.replace('"name"', '"name", exists = true'),
            "[[collections.C.columns]] no. 2 exists: name is the tenant_column, which no query compares",
        ),
        ('tenant_type = "integer"' + TABLE, "[collections.C] tenant_type: needs a tenant_column"),
        ('tenant_column = "t"\ntenant_type = "uuid"' + TABLE, '[collections.C] tenant_type: "uuid" is not known; '),
        ('changed = "when"' + TABLE, '[collections.C] changed: "when" is not a field; '),
        ('changed = "n"' + TABLE, "[collections.C] changed: n is integer; only a timestamp is allowed"),
        (
            'changed_overlap_seconds = -1\nchanged = "at"' + TABLE,
            "[collections.C] changed_overlap_seconds: must be a whole number from 0 to 86400",
        ),
        ('reading = "stream"' + TABLE, '[collections.C] reading: "stream" is not known; '),
        (
            'reading = "keyset"' + TABLE.replace("books", "files").replace("table", "file"),
            "[collections.C] reading: keyset is for sources of kind sql, and files is of kind parquet",
        ),
        (
            'reading = "keyset"\norder = ["-id"]' + TABLE,
            "[collections.C] order: reading by keyset has one order only: id, line",
        ),
        ('reading = "keyset"\norder = ["name"]' + TABLE, '[collections.C] order: "name" cannot be ordered by; '),
        ("limits = 3" + TABLE, "[collections.C] limits: must be a table of tables"),
        ("limits = { max_rows = true }" + TABLE, "[collections.C.limits] max_rows: must be a whole number from 1 to "),
        ("limits = { max_row = 1 }" + TABLE, "[collections.C.limits] max_row: unknown key; did you mean max_rows?"),
        (WEB + 'paging = "page"', "[collections.C.http] parameter: is missing: paging page needs the parameter "),
        (
            WEB + 'paging = "cursor"\nparameter = "c"',
            "[collections.C.http] next: is missing: paging cursor needs to know where the next one is",
        ),
        (WEB + "page_size = 10", "[collections.C.http] page_size: goes together with size_parameter"),
        (WEB + 'filters = { nam = "x" }', '[collections.C.http] filters: "nam" is not a field; did you mean name?'),
        (
            WEB + 'filters = { "at[between]" = "x" }',
            '[collections.C.http] filters: "at[between]" has no operator to pass on',
        ),
        (WEB + 'filters = { "at[" = "x" }', '[collections.C.http] filters: "at[" is not a name such as field'),
        (WEB + 'filters = { name = "" }', "[collections.C.http] filters: must be a table of texts that are not empty"),
        (WEB + 'order = { nam = "x" }', '[collections.C.http] order: "nam" is not a field; did you mean name?'),
        (WEB.replace("{shop_id}", "{shop_id"), "[collections.C.http] path: a placeholder is written {column}"),
        ('order = ["name"]' + WEB, '[collections.C] order: "name" cannot be ordered by; '),
        (
            WEB.replace('source = "web"', 'source = "books"'),
            "[collections.C] http: source books is of kind sql, which is ",
        ),
        (
            TABLE + '[collections.C.attachments."a"]\nsource = "books"\npath = "x"',
            '[collections.C.attachments."a"] column: is missing',
        ),
        (
            TABLE + '[collections.C.attachments."a"]\nsource = "other"\npath = "x"\ncolumn = "pdf"',
            '[collections.C.attachments."a"] table: is missing: the rows of the collection are not a table',
        ),
        (
            TABLE
            + '[collections.C.attachments."a"]\nsource = "books"\npath = "x"\ncolumn = "p"\ntable = "t"\nquery = "q"',
            '[collections.C.attachments."a"] query: give either table or query',
        ),
        (
            TABLE + '[collections.C.attachments."a"]\nsource = "papers"\npath = "x"\ncolumn = "p"',
            '[collections.C.attachments."a"] column: is for sources of kind sql, and papers is of kind folder',
        ),
    ],
)
def test_one_mistake_is_the_only_one_named(mistakes, text: str, mistake: str) -> None:
    found = mistakes(HEAD + text)
    assert len(found) == 1, found
    assert found[0].startswith(mistake)
