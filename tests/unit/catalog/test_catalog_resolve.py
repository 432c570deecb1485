"""A request resolved into the specification of a job."""

from datetime import UTC, datetime

import pytest

from services.api.catalog.model import Catalog
from services.api.catalog.resolve import resolve
from services.contract.errors import CollectionNotFound, InvalidRequest
from services.contract.formats import Format, Packaging
from services.contract.spec import (
    All,
    AttachmentSpec,
    ColumnType,
    JobSpec,
    Kind,
    Operator,
    OrderTerm,
    Relation,
    SourceRef,
    TableOptions,
    Term,
)

TEXT, TIMESTAMP = ColumnType(Kind.TEXT), ColumnType(Kind.TIMESTAMP)


def refused(catalog: Catalog, **request) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        resolve(catalog, **request)
    return [(v.field, v.description) for v in caught.value.violations]


def test_a_uri_becomes_a_job(catalog: Catalog, invoices) -> None:
    resolved = resolve(
        catalog,
        uri="/entities/e%201/invoices?issuedAt[before]=2026-01-31&order[total]=desc",
        format_=Format.XLSX,
        file_types=["invoice.pdf"],
    )
    assert resolved.collection is invoices
    assert resolved.spec == JobSpec(
        collection="Invoices",
        source=SourceRef("books", "sql"),
        relation=Relation(table="invoices"),
        key=("id",),
        columns=tuple(c.spec for c in invoices.columns),
        order=(OrderTerm("total", descending=True), OrderTerm("id")),
        table=TableOptions(Format.XLSX, "UTC"),
        table_name="invoices",
        filter=All(
            (
                Term("entity_id", TEXT, Operator.EQUALS, ("e 1",)),
                Term("issued_at", TIMESTAMP, Operator.LESS_OR_EQUAL, (datetime(2026, 1, 31, tzinfo=UTC),)),
            )
        ),
        attachments=(AttachmentSpec("invoice.pdf", SourceRef("papers", "folder"), "{uuid}.pdf"),),
        packaging=Packaging.AUTO,
        query="issuedAt[before]=2026-01-31T00:00:00Z&order[total]=desc",
    )
    assert [w.code for w in resolved.warnings] == ["BARE_DATE_IN_BEFORE"]
    assert (resolved.query, resolved.columns) == (resolved.spec.query, resolved.spec.columns)


def test_a_type_with_its_parameters_becomes_the_same_job(catalog: Catalog) -> None:
    by_uri = resolve(catalog, uri="/entities/e-1/invoices?status=a").spec
    by_type = resolve(catalog, type_="Invoices", query="status=a&entityId=e-1").spec
    assert (by_type.filter, by_type.order, by_type.table) == (by_uri.filter, by_uri.order, by_uri.table)
    assert by_type.query == "entityId=e-1&status=a&order[issuedAt]=desc"


def test_the_format_is_json_when_none_is_given(catalog: Catalog) -> None:
    assert resolve(catalog, type_="Flights").spec.table.format is Format.JSON


def test_the_table_is_named_by_the_last_word_of_the_path(catalog: Catalog) -> None:
    assert resolve(catalog, type_="Items", format_=Format.CSV).spec.table_name == "line-items"


@pytest.mark.parametrize(
    ("segment", "value"),
    [("a+b", "a+b"), ("a%2Fb", "a/b"), ("%C3%91", "Ñ"), ("..", ".."), ("a=b&c", "a=b&c"), ("1:2", "1:2")],
)
def test_a_segment_is_decoded_after_the_path_was_split(catalog: Catalog, segment: str, value: str) -> None:
    filter_ = resolve(catalog, uri=f"/entities/{segment}/invoices").spec.filter
    assert filter_ == All((Term("entity_id", TEXT, Operator.EQUALS, (value,)),))


def test_a_parameter_has_its_type(catalog: Catalog) -> None:
    uri = "/entities/x/invoices/line-items"
    assert refused(catalog, uri=uri, format_=Format.CSV) == [
        ("uri.path[entityId]", "x is not an integer such as 42"),
    ]
    filter_ = resolve(catalog, uri=uri.replace("x", "42", 1), format_=Format.CSV).spec.filter
    assert filter_ == All((Term("entity_id", ColumnType(Kind.INTEGER), Operator.EQUALS, (42,)),))


@pytest.mark.parametrize(
    ("uri", "part"),
    [
        ("", "does not begin with /"),
        ("flights", "does not begin with /"),
        ("?a=1", "does not begin with /"),
        (" /flights", "does not begin with /"),
        ("https://api.example.org/flights", "names a host"),
        ("//api.example.org/flights", "names a host"),
        ("urn:flights", "names a host"),
        ("/flights#top", "has a fragment"),
        ("/flights?carrier=a#top", "has a fragment"),
        ("/flights/", "ends with /"),
        ("/flights/?carrier=a", "ends with /"),
        ("/", "ends with /"),
        ("/fl%zzghts", "its path: a % is not followed by two hexadecimal digits"),
        ("/fl%FFghts", "its path: percent-decoded, this is not UTF-8"),
        ("/flights?carrier=" + "x" * 8192, "longer than 8192 bytes"),
        ("/flights?carrier=" + "ñ" * 4096, "longer than 8192 bytes"),
    ],
)
def test_a_uri_of_another_shape_is_refused(catalog: Catalog, uri: str, part: str) -> None:
    [(field, description)] = refused(catalog, uri=uri)
    assert field == "uri"
    assert part in description


def test_a_uri_of_exactly_8_kib_is_taken(catalog: Catalog) -> None:
    uri = "/flights?carrier="
    assert resolve(catalog, uri=uri + "x" * (8192 - len(uri)))


def test_a_query_beside_a_type_is_as_long_as_a_uri_may_be(catalog: Catalog) -> None:
    query = "carrier="
    assert resolve(catalog, type_="Flights", query=query + "x" * (8192 - len(query)))
    for much in ("x" * 8192, "ñ" * 4096, "&" * 8192):
        assert refused(catalog, type_="Flights", query=query + much) == [("query", "it is longer than 8192 bytes")]


@pytest.mark.parametrize(
    ("request_", "nearest"),
    [
        ({"uri": "/flihgts"}, "/flights"),
        ({"uri": "/FLIGHTS"}, "/flights"),
        ({"uri": "/entities/9c5f0a57-0a4e-4c0e-a0f1-0c4c7b1d7e11/invoises"}, "/entities/{entityId}/invoices"),
        ({"uri": "/entities/" + "9" * 200 + "/invoices/line-itms"}, "/entities/{entityId}/invoices/line-items"),
        ({"uri": "/entities//invoices"}, "/entities/{entityId}/invoices"),
        ({"uri": "/entities/7/invoices/x"}, "/entities/{entityId}/invoices"),
        ({"uri": "/invoice"}, "/entities/{entityId}/invoices"),
        ({"uri": "/tax/Items"}, "/entities/{entityId}/invoices/line-items"),
        ({"uri": "/flights/7/invoice"}, "/entities/{entityId}/invoices"),
        ({"uri": "/zzz"}, ""),
        ({"uri": "/" + "z" * 5000}, ""),
        ({"type_": "invoices"}, "Invoices"),
        ({"type_": "Invoice"}, "Invoices"),
        ({"type_": "line-item"}, "Items"),
        ({"type_": "Zzz"}, ""),
    ],
)
def test_an_unknown_collection_is_not_found_and_the_nearest_named(
    catalog: Catalog, request_: dict[str, str], nearest: str
) -> None:
    with pytest.raises(CollectionNotFound) as caught:
        resolve(catalog, **request_)
    assert caught.value.nearest == nearest
    assert len(caught.value.collection) <= 60


def test_a_request_names_its_collection_once(catalog: Catalog) -> None:
    assert refused(catalog) == [("uri", "name the collection: give uri or type")]
    assert refused(catalog, type_="") == [("type", "name the collection: give uri or type")]
    assert refused(catalog, uri="/flights", type_="Flights", query="a=1") == [
        ("type", "give either uri or type"),
        ("query", "this is for type only; put it into uri, after a ?"),
    ]


def test_a_format_that_is_not_offered_is_refused_with_those_that_are(catalog: Catalog) -> None:
    assert refused(catalog, type_="Items") == [
        ("format", "Items is not offered as JSON, the default, but as CSV"),
    ]
    assert refused(catalog, type_="Invoices", query="entityId=1", format_=Format.PARQUET) == [
        ("format", "Invoices is not offered as PARQUET but as XLSX, CSV, JSON, JSONL"),
    ]


def test_file_types_are_known_and_each_given_once(catalog: Catalog) -> None:
    wanted = ["invoice.pdf", "invoice.pfd", "invoice.pdf", "zzz"]
    assert refused(catalog, uri="/entities/1/invoices", file_types=wanted) == [
        ("file_types[1]", "unknown invoice.pfd: did you mean invoice.pdf?"),
        ("file_types[2]", "invoice.pdf is there twice"),
        ("file_types[3]", "unknown zzz: known are invoice.cfdi.xml, invoice.pdf"),
    ]
    assert refused(catalog, uri="/flights", file_types=["a"]) == [("file_types[0]", "unknown a: known are none")]


def test_every_violation_of_a_request_is_named_at_once(catalog: Catalog) -> None:
    found = refused(
        catalog,
        uri="/entities/x/invoices/line-items/?isuedAt=1&order[positon]=asc#top",
        format_=Format.XLSX,
        file_types=["a"],
    )
    assert [field for field, _ in found] == [
        "uri",
        "uri",
        "uri.path[entityId]",
        "uri.query[isuedAt]",
        "uri.query[order[positon]]",
        "format",
        "file_types[0]",
    ]
