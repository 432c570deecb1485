"""The grammar of queries, case by case, and what holds for every text there is."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.api.catalog.model import Collection
from services.api.catalog.query.parser import Query, parse_query
from services.api.catalog.query.values import read_value, write_value
from services.api.domain.filter_mode import FilterMode
from services.contract.codec import spec_from_bytes, spec_to_bytes
from services.contract.errors import InvalidRequest, Violation
from services.contract.formats import Format
from services.contract.spec import (
    All,
    AnyOf,
    ColumnType,
    Filter,
    JobSpec,
    Kind,
    Operator,
    OrderTerm,
    Relation,
    SourceRef,
    TableOptions,
    Term,
)
from services.contract.status import to_status

TYPES = {
    "id": ColumnType(Kind.INTEGER),
    "issued_at": ColumnType(Kind.TIMESTAMP),
    "due_on": ColumnType(Kind.DATE),
    "issuer_rfc": ColumnType(Kind.TEXT),
    "status": ColumnType(Kind.TEXT),
    "total": ColumnType(Kind.DECIMAL, 18, 2),
    "rate": ColumnType(Kind.FLOAT),
    "paid": ColumnType(Kind.BOOLEAN),
}
EQ, GE, LE, GT, LT = (
    Operator.EQUALS,
    Operator.GREATER_OR_EQUAL,
    Operator.LESS_OR_EQUAL,
    Operator.GREATER,
    Operator.LESS,
)
PATH = {"entityId": "e-1"}
PATH_TERM = Term("entity_id", ColumnType(Kind.TEXT), EQ, ("e-1",))
JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)
EIGHT = datetime(2026, 1, 1, 8, tzinfo=UTC)


def term(column: str, operator: Operator, *values) -> Term:
    return Term(column, TYPES[column], operator, values)


def understood(collection: Collection, text: str) -> tuple[Filter, ...]:
    """The filters beside the one of the path."""
    filter_ = parse_query(collection, text, path=PATH).filter
    assert isinstance(filter_, All)
    assert filter_.filters[0] == PATH_TERM
    return filter_.filters[1:]


def refused(collection: Collection, text: str, path: dict[str, str] | None = PATH) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        parse_query(collection, text, path=path)
    return {v.field: v.description for v in caught.value.violations}


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        # -- nothing, and the shape of parameters
        ("", []),
        ("&", []),
        ("&&status=a&&", [term("status", EQ, "a")]),
        ("status=a=b", [term("status", EQ, "a=b")]),
        ("status==", [term("status", EQ, "=")]),
        ("status=", [term("status", EQ, "")]),
        ("status=a?b", [term("status", EQ, "a?b")]),
        # -- decoding
        ("status=a+b", [term("status", EQ, "a b")]),
        ("status=a%20b", [term("status", EQ, "a b")]),
        ("status=a%2Bb", [term("status", EQ, "a+b")]),
        ("status=a%26b%3Dc", [term("status", EQ, "a&b=c")]),
        ("status=100%25", [term("status", EQ, "100%")]),
        ("status=%25_", [term("status", EQ, "%_")]),
        ("status=%2541", [term("status", EQ, "%41")]),
        ("%73tatus=a", [term("status", EQ, "a")]),
        ("status=%C3%91and%C3%BA", [term("status", EQ, "Ñandú")]),
        ("status=Ñandú", [term("status", EQ, "Ñandú")]),
        ("issuedAt%5Bafter%5D=2026-01-01", [term("issued_at", GE, JANUARY)]),
        ("issuedAt%5bafter%5d=2026-01-01", [term("issued_at", GE, JANUARY)]),
        ("status%5B%5D=a", [term("status", EQ, "a")]),
        # -- equality
        ("status=paid", [term("status", EQ, "paid")]),
        ("issuer.rfc=XAXX010101000", [term("issuer_rfc", EQ, "XAXX010101000")]),
        ("status=a&status=b", [term("status", EQ, "a", "b")]),
        ("status[]=b&status[]=a", [term("status", EQ, "b", "a")]),
        ("status=a&status[]=b", [term("status", EQ, "a", "b")]),
        ("status=a&status=b&status=a", [term("status", EQ, "a", "b")]),
        ("status=a&paid=1", [term("paid", EQ, True), term("status", EQ, "a")]),
        ("status=a,b", [term("status", EQ, "a,b")]),
        # -- integers
        ("id=42", [term("id", EQ, 42)]),
        ("id=-7", [term("id", EQ, -7)]),
        ("id=%2B7", [term("id", EQ, 7)]),
        ("id=007", [term("id", EQ, 7)]),
        ("id=7&id=007", [term("id", EQ, 7)]),
        ("id=9223372036854775807", [term("id", EQ, 2**63 - 1)]),
        ("id=-9223372036854775808", [term("id", EQ, -(2**63))]),
        ("id=" + "0" * 6000 + "1", [term("id", EQ, 1)]),
        # -- decimals, exactly
        ("total=12.99", [term("total", EQ, Decimal("12.99"))]),
        ("total=12.990&total=12.99", [term("total", EQ, Decimal("12.99"))]),
        ("total=-0.001", [term("total", EQ, Decimal("-0.001"))]),
        ("total=1e3", [term("total", EQ, Decimal(1000))]),
        ("total=.5&total=5.", [term("total", EQ, Decimal("0.5"), Decimal(5))]),
        (
            "total=0.1000000000000000055511151231257827",
            [term("total", EQ, Decimal("0.1000000000000000055511151231257827"))],
        ),
        ("total=" + "9" * 38, [term("total", EQ, Decimal("9" * 38))]),
        ("total=-0", [term("total", EQ, Decimal(0))]),
        # -- floats and booleans
        ("rate=0.5&rate=1e-3", [term("rate", EQ, 0.5, 0.001)]),
        ("rate=-0.0&rate=0", [term("rate", EQ, 0.0)]),
        ("paid=true&paid=1", [term("paid", EQ, True)]),
        ("paid=false", [term("paid", EQ, False)]),
        ("paid=0&paid=1", [term("paid", EQ, False, True)]),
        # -- dates
        ("dueOn=2026-01-31", [term("due_on", EQ, date(2026, 1, 31))]),
        ("dueOn[before]=2026-01-31", [term("due_on", LE, date(2026, 1, 31))]),
        ("dueOn[strictly_after]=2024-02-29", [term("due_on", GT, date(2024, 2, 29))]),
        # -- times, in UTC
        ("issuedAt[after]=2026-01-01T10:00:00Z", [term("issued_at", GE, TEN)]),
        ("issuedAt[before]=2026-01-01T10:00Z", [term("issued_at", LE, TEN)]),
        ("issuedAt[strictly_after]=2026-01-01+10:00", [term("issued_at", GT, TEN)]),
        ("issuedAt[strictly_before]=2026-01-01t10:00:00z", [term("issued_at", LT, TEN)]),
        ("issuedAt[after]=2026-01-01T10:00:00%2B02:00", [term("issued_at", GE, EIGHT)]),
        ("issuedAt[after]=2026-01-01T10:00:00+02:00", [term("issued_at", GE, EIGHT)]),
        ("issuedAt[after]=2026-01-01+10:00:00+02:00", [term("issued_at", GE, EIGHT)]),
        ("issuedAt[after]=2026-01-01T04:00:00-06:00", [term("issued_at", GE, TEN)]),
        ("issuedAt=2026-01-01T10:00:00.5Z", [term("issued_at", EQ, TEN.replace(microsecond=500_000))]),
        ("issuedAt=2026-01-01T10:00:00.000001Z", [term("issued_at", EQ, TEN.replace(microsecond=1))]),
        ("issuedAt=2026-01-01", [term("issued_at", EQ, JANUARY)]),
        ("issuedAt=2026-01-01T10:00Z&issuedAt=2026-01-01T08:00-02:00", [term("issued_at", EQ, TEN)]),
        # -- several operators hold together, one operator given twice either way
        (
            "issuedAt[strictly_before]=2026-01-01T10:00Z&issuedAt[after]=2026-01-01",
            [term("issued_at", GE, JANUARY), term("issued_at", LT, TEN)],
        ),
        (
            "issuedAt[after]=2026-01-01&issuedAt[after]=2026-01-01T10:00Z",
            [AnyOf((term("issued_at", GE, JANUARY), term("issued_at", GE, TEN)))],
        ),
        ("issuedAt[after]=2026-01-01&issuedAt[after]=2026-01-01T00:00Z", [term("issued_at", GE, JANUARY)]),
    ],
)
def test_a_query_means(invoices: Collection, text: str, filters: list[Filter]) -> None:
    assert understood(invoices, text) == tuple(filters)


@pytest.mark.parametrize(
    ("text", "field", "part"),
    [
        # -- names
        ("isuedAt=2026-01-01", "isuedAt", "isuedAt: did you mean issuedAt?"),
        ("isuedAt[after]=2026-01-01", "isuedAt[after]", "did you mean issuedAt?"),
        ("ISSUEDAT=2026-01-01", "ISSUEDAT", "did you mean issuedAt?"),
        ("issuer.rcf=x", "issuer.rcf", "did you mean issuer.rfc?"),
        ("ordre[id]=asc", "ordre[id]", "did you mean order?"),
        ("zzz=1", "zzz", "unknown property zzz: known are id, issuedAt"),
        ("status =a", "status ", "did you mean status?"),
        ("issued_at=2026-01-01", "issued_at", "did you mean issuedAt?"),
        ("secret=x", "secret", "cannot be filtered by"),
        ("raw=x", "raw", "cannot be filtered by"),
        ("=x", "", "this is not a name"),
        ("[after]=x", "[after]", "this is not a name"),
        ("issuedAt[after=x", "issuedAt[after", "this is not a name"),
        ("issuedAt]after[=x", "issuedAt]after[", "this is not a name"),
        ("issuedAt[after]x=1", "issuedAt[after]x", "this is not a name"),
        ("issuedAt[[after]]=1", "issuedAt[[after]]", "this is not a name"),
        ("status", "status", "no value: write status=…"),
        ("issuedAt[after]", "issuedAt[after]", "no value"),
        # -- operators
        ("issuedAt[aftr]=2026-01-01", "issuedAt[aftr]", "did you mean after?"),
        ("issuedAt[AFTER]=2026-01-01", "issuedAt[AFTER]", "did you mean after?"),
        ("status[0]=a", "status[0]", "unknown operator 0"),
        ("issuedAt[after][]=2026-01-01", "issuedAt[after][]", "an array is given where one value is expected"),
        ("status[][]=a", "status[][]", "an array is given where one value is expected"),
        ("total[after]=1", "total[after]", "total is decimal(18,2)"),
        ("totl[between]=1..2", "totl[between]", "did you mean total?"),
        # -- values
        ("id=", "id", "an empty value is not an integer"),
        ("id=1.0", "id", "is not an integer"),
        ("id=1_000", "id", "is not an integer"),
        ("id=%C2%B2", "id", "is not an integer"),
        ("id=%D9%A3", "id", "is not an integer"),
        ("id=+7", "id", "is not an integer"),
        ("id=9223372036854775808", "id", "is outside of"),
        ("id=" + "9" * 6000, "id", "is outside of"),
        ("total=abc", "total", "is not a decimal number"),
        ("total=NaN", "total", "is not a decimal number"),
        ("total=Infinity", "total", "is not a decimal number"),
        ("total=1,5", "total", "is not a decimal number"),
        ("total=1e38", "total", "more than 38 digits"),
        ("total=1e-39", "total", "more than 38 digits"),
        ("total=1e999999999", "total", "is not a decimal number"),
        ("rate=inf", "rate", "is not a number"),
        ("rate=1e999", "rate", "too large"),
        ("paid=TRUE", "paid", "is not one of true, 1, false, 0"),
        ("paid=yes", "paid", "is not one of true, 1, false, 0"),
        ("paid=", "paid", "an empty value is not one of"),
        ("dueOn=2026-02-30", "dueOn", "not in the calendar"),
        ("dueOn=20260131", "dueOn", "is not a date"),
        ("dueOn=2026-W05-1", "dueOn", "is not a date"),
        ("dueOn[after]=2026-01-31T00:00:00Z", "dueOn[after]", "is not a date"),
        ("issuedAt[after]=", "issuedAt[after]", "an empty value is not a date or a time"),
        ("issuedAt[after]=yesterday", "issuedAt[after]", "is not a date or a time"),
        ("issuedAt[after]=2026-13-01", "issuedAt[after]", "not in the calendar"),
        ("issuedAt[after]=2026-01-01T24:00Z", "issuedAt[after]", "not in the calendar or not a time of day"),
        ("issuedAt[after]=2026-01-01T10:00:60Z", "issuedAt[after]", "not in the calendar or not a time of day"),
        ("issuedAt[after]=2026-01-01T10Z", "issuedAt[after]", "is not a date or a time"),
        ("issuedAt[after]=2026-01-01T10:00:00.1234567Z", "issuedAt[after]", "finer than a microsecond"),
        ("issuedAt[after]=2026-01-01T10:00%2B24:00", "issuedAt[after]", "not in the calendar or not a time of day"),
        ("issuedAt[after]=2026-01-01%2B10:00", "issuedAt[after]", "is not a date or a time"),
        ("issuedAt[after]=0001-01-01T00:00%2B01:00", "issuedAt[after]", "not in the calendar"),
        ("issuedAt[after]=9999-12-31T23:59-01:00", "issuedAt[after]", "not in the calendar"),
        ("status=%00", "status", "NUL"),
        # -- encoding
        ("status=%", "status", "% is not followed by"),
        ("status=%zz", "status", "% is not followed by"),
        ("status=%4", "status", "% is not followed by"),
        ("st%zztus=a", "st%zztus", "% is not followed by"),
        ("status=%FF", "status", "not UTF-8"),
        ("status=%ED%A0%80", "status", "not UTF-8"),
        ("status=%C0%AF", "status", "not UTF-8"),
        ("status=\ud800", "status", "not UTF-8"),
        # -- order
        ("order=asc", "order", "name the property"),
        ("order[]=asc", "order[]", "name the property"),
        ("order[id][x]=asc", "order[id][x]", "name the property"),
        ("order[isuedAt]=asc", "order[isuedAt]", "did you mean issuedAt?"),
        ("order[note]=asc", "order[note]", "cannot be ordered by"),
        ("order[raw]=asc", "order[raw]", "cannot be ordered by"),
        ("order[id]=up", "order[id]", "up is not a direction"),
        ("order[id]=", "order[id]", "an empty value is not a direction"),
        ("order[id]", "order[id]", "no value"),
        ("order[id]=asc&order[id]=desc", "order[id]", "in both directions"),
        # -- the path's own
        ("entityId=e-2", "entityId", "given by the path"),
        ("entityId[]=e-2", "entityId[]", "given by the path"),
        ("issuer.id=e-2", "issuer.id", "given by the path"),
    ],
)
def test_a_query_is_refused(invoices: Collection, text: str, field: str, part: str) -> None:
    found = refused(invoices, text)
    assert [*found] == [f"uri.query[{field}]"]
    assert part in found[f"uri.query[{field}]"]


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("", ["-issued_at", "id"]),
        ("order[issuedAt]=asc", ["issued_at", "id"]),
        ("order[issuedAt]=DESC", ["-issued_at", "id"]),
        ("order[total]=Asc&order[issuedAt]=desc", ["total", "-issued_at", "id"]),
        ("order[issuedAt]=desc&order[total]=asc", ["-issued_at", "total", "id"]),
        ("order[id]=desc", ["-id"]),
        ("order[id]=desc&order[total]=asc", ["-id", "total"]),
        ("order[total]=asc&order[total]=ASC", ["total", "id"]),
        ("order[issuer.rfc]=asc", ["issuer_rfc", "id"]),
        ("order%5Btotal%5D=asc", ["total", "id"]),
    ],
)
def test_an_order_replaces_the_default_one_and_ends_with_the_key(
    invoices: Collection, text: str, order: list[str]
) -> None:
    expected = tuple(OrderTerm(name.removeprefix("-"), name.startswith("-")) for name in order)
    assert parse_query(invoices, text, path=PATH).order == expected


def test_every_violation_is_named_at_once(invoices: Collection) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_query(invoices, "isuedAt=1&id=x&id=y&id=x&status=a&page=0&order[id]=up&total[lt]=x&status=%zz", path=PATH)
    names = ["isuedAt", "id", "id", "page", "order[id]", "total[lt]", "status"]
    assert [v.field for v in caught.value.violations] == [f"uri.query[{name}]" for name in names]


def test_a_hopeless_query_costs_little_and_its_refusal_fits_an_answer(invoices: Collection) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_query(invoices, "&".join(f"field{n}=1" for n in range(10_000)), path=PATH)
    assert 10 < len(caught.value.violations) < 50
    assert "the rest was not checked" in caught.value.violations[-1].description
    metadata = to_status(caught.value).trailing_metadata
    assert sum(len(value) for _, value in metadata) * 4 / 3 + len(str(caught.value)) < 8192


def test_names_in_violations_are_short_and_printable(invoices: Collection) -> None:
    [field] = refused(invoices, "%1B[31m" + "x" * 500 + "=1")
    assert len(field) < 100
    assert field.isprintable()


# ---- parameters of the path, given by name


def test_beside_a_type_the_query_gives_the_parameters(invoices: Collection) -> None:
    by_name = parse_query(invoices, "status=a&entityId=e-1")
    by_path = parse_query(invoices, "status=a", path=PATH)
    assert (by_name.filter, by_name.order) == (by_path.filter, by_path.order)
    assert by_name.canonical == "entityId=e-1&status=a&order[issuedAt]=desc"
    assert by_path.canonical == "status=a&order[issuedAt]=desc"


def test_a_missing_parameter_is_told_how_to_be_given(invoices: Collection) -> None:
    assert refused(invoices, "status=a", None) == {"query[entityId]": "entityId is missing: add entityId=… to query"}


def test_an_optional_parameter_may_be_missing(catalog) -> None:
    assert parse_query(catalog.by_code("Items"), "").filter == All()


@pytest.mark.parametrize(
    ("text", "field", "part"),
    [
        ("entityId=a&entityId=b", "entityId", "given twice"),
        ("entityId=", "entityId", "is empty"),
        ("entityId", "entityId", "no value"),
        ("entityId[]=a", "entityId[]", "has one value"),
        ("entityId[after]=a", "entityId[after]", "has one value"),
        ("entityId=a&entityid=b", "entityid", "did you mean entityId?"),
        ("entityId=%zz", "entityId", "% is not followed by"),
    ],
)
def test_a_parameter_by_name_is_refused(invoices: Collection, text: str, field: str, part: str) -> None:
    found = refused(invoices, text, None)
    assert [*found] == [f"query[{field}]"]
    assert part in found[f"query[{field}]"]


def test_a_property_over_a_parameters_column_narrows_further_by_name(invoices: Collection) -> None:
    filter_ = parse_query(invoices, "entityId=e-1&issuer.id=e-2").filter
    assert filter_ == All((PATH_TERM, Term("entity_id", ColumnType(Kind.TEXT), EQ, ("e-2",))))


# ---- time zones and warnings


def test_bare_dates_and_zoneless_times_are_in_the_time_zone(invoices: Collection) -> None:
    def first(text: str):
        query = parse_query(invoices, text, path=PATH, time_zone=ZoneInfo("America/Mexico_City"))
        return query.filter.filters[1].values[0]

    assert first("issuedAt=2026-01-01") == datetime(2026, 1, 1, 6, tzinfo=UTC)
    assert first("issuedAt=2026-01-01T10:00") == datetime(2026, 1, 1, 16, tzinfo=UTC)
    assert first("issuedAt=2026-01-01T10:00Z") == TEN
    assert first("dueOn=2026-01-01") == date(2026, 1, 1)


def test_a_bare_date_in_before_is_warned_of(invoices: Collection) -> None:
    [warning] = parse_query(invoices, "issuedAt[before]=2026-01-31", path=PATH).warnings
    assert (warning.code, warning.count) == ("BARE_DATE_IN_BEFORE", 1)
    assert warning.message.startswith("issuedAt[before]=2026-01-31 means 2026-01-31T00:00:00Z")


@pytest.mark.parametrize(
    "text",
    [
        "issuedAt[before]=2026-01-31T00:00Z",
        "issuedAt[strictly_before]=2026-02-01",
        "issuedAt[after]=2026-01-31",
        "issuedAt=2026-01-31",
        "dueOn[before]=2026-01-31",
    ],
)
def test_other_dates_are_not_warned_of(invoices: Collection, text: str) -> None:
    assert parse_query(invoices, text, path=PATH).warnings == ()


# ---- the canonical text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("status=b&status=a", "status[]=b&status[]=a"),
        ("total=1.50&paid=1", "paid=true&total=1.5"),
        ("status=%C3%91+%2B%26%3D%25", "status=%C3%91%20%2B%26%3D%25"),
        ("issuedAt%5Bafter%5D=2026-01-01T10:00%2B02:00", "issuedAt[after]=2026-01-01T08:00:00Z"),
        ("issuedAt=2026-01-01T10:00:00.50Z", "issuedAt=2026-01-01T10:00:00.500000Z"),
        ("order[total]=DESC&order[id]=asc&status=a", "status=a&order[total]=desc&order[id]=asc"),
    ],
)
def test_the_canonical_text_is(invoices: Collection, text: str, canonical: str) -> None:
    default = "" if "order" in text else "&order[issuedAt]=desc"
    assert parse_query(invoices, text, path=PATH).canonical == canonical + default


def moments() -> st.SearchStrategy[str]:
    zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=6))])
    return st.one_of(
        st.datetimes(timezones=zones).map(lambda moment: moment.isoformat().replace("+", "%2B")),
        st.datetimes().map(datetime.isoformat),
        st.dates().map(date.isoformat),
    )


def sound_parameters() -> st.SearchStrategy[str]:
    number = st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**30), max_value=10**30)
    text = st.text(max_size=8).map(lambda t: "".join(f"%{byte:02x}" for byte in t.encode(errors="replace")))
    brackets = st.sampled_from(["", "[]", "%5B%5D"])
    dates = st.sampled_from([f"[{name}]" for name in ("after", "before", "strictly_after", "strictly_before")])
    sizes = st.sampled_from(["[lt]", "[lte]", "[gt]", "[gte]"])
    pieces = [
        (st.sampled_from(["status", "issuer.rfc"]), brackets, text),
        (st.just("id"), brackets, st.integers(-(2**63), 2**63 - 1).map(str)),
        (st.just("total"), brackets, number.map(str)),
        (st.just("rate"), brackets, st.floats(allow_nan=False, allow_infinity=False).map(repr)),
        (st.just("paid"), brackets, st.sampled_from(["true", "false", "0", "1"])),
        (st.just("issuedAt"), brackets | dates, moments()),
        (st.just("dueOn"), brackets | dates, st.dates().map(date.isoformat)),
        (st.just("order"), st.sampled_from(["[id]", "[total]", "[dueOn]"]), st.sampled_from(["asc", "DESC"])),
        (st.just("total"), sizes, number.map(str)),
        (st.just("status"), sizes, text),
        (st.just("dueOn"), sizes, st.dates().map(date.isoformat)),
        (st.just("total"), st.just("[between]"), st.tuples(number, number).map(lambda pair: f"{pair[0]}..{pair[1]}")),
        (
            st.just("exists"),
            st.sampled_from(["[status]", "[issuer.rfc]", "[raw]"]),
            st.sampled_from(["", "1", "false"]),
        ),
        (st.just("properties"), st.sampled_from(["[]", "[issuer][]"]), st.sampled_from(["id", "rfc", "issuer"])),
        (st.just("page"), st.just(""), st.integers(1, 3).map(str)),
        (st.just("itemsPerPage"), st.just(""), st.integers(1, 40).map(str)),
    ]
    return st.one_of(st.tuples(*piece).map(lambda p: f"{p[0]}{p[1]}={p[2].replace('+', '%2B')}") for piece in pieces)


def likely_texts() -> st.SearchStrategy[str]:
    """Texts close enough to queries to get past the first check."""
    pieces = (
        "status id total issuedAt order exists page properties itemsPerPage entityId issuer . .. "
        "[ ] [after] [before] [lt] [between] [] = & % %5B + 2026-01-01 9 . e -"
    )
    return st.lists(st.sampled_from([*pieces.split(), "T10:00", "\x00", "é", "\ud800"])).map("".join)


def job(query: Query) -> JobSpec:
    return JobSpec(
        collection="Invoices",
        source=SourceRef("books", "sql"),
        relation=Relation(table="invoices"),
        key=("id",),
        columns=(),
        order=query.order,
        table=TableOptions(Format.JSON),
        table_name="invoices",
        filter=query.filter,
        query=query.canonical,
        page=query.page,
    )


def outcome(
    collection: Collection, text: str, path: dict[str, str] | None, mode: FilterMode = FilterMode.STRICT
) -> Query | InvalidRequest:
    try:
        return parse_query(collection, text, path=path, mode=mode)
    except InvalidRequest as refusal:
        return refusal


@given(text=st.text() | likely_texts())
@example(text="total=1E+38")
@example(text="issuedAt=0001-01-01T00:00+14:00")
def test_no_text_does_worse_than_being_refused(invoices: Collection, text: str) -> None:
    for path in (PATH, None):
        found = outcome(invoices, text, path)
        if isinstance(found, InvalidRequest):
            assert found.violations
            assert all(isinstance(v, Violation) and (v.field + v.description).encode() for v in found.violations)


@pytest.mark.slow
@given(parameters=st.lists(sound_parameters(), max_size=12))
def test_the_canonical_text_means_the_same_and_is_its_own(invoices: Collection, parameters: list[str]) -> None:
    for path, given_ in ((PATH, parameters), (None, [*parameters, "entityId=e%201"])):
        first = outcome(invoices, "&".join(given_), path)
        if isinstance(first, InvalidRequest):
            known = ("directions", "NUL", "calendar", "given twice", "unknown property")  # what sound ones can still be
            assert all(any(part in v.description for part in known) for v in first.violations)
            continue
        again = parse_query(invoices, first.canonical, path=path)
        assert replace(again, warnings=()) == replace(first, warnings=())
        assert spec_from_bytes(spec_to_bytes(job(first))) == job(first)


@given(text=st.text() | likely_texts())
def test_lenient_drops_what_it_cannot_read_and_what_it_kept_reads_back_strictly(
    invoices: Collection, text: str
) -> None:
    found = outcome(invoices, text, PATH, FilterMode.LENIENT)
    if isinstance(found, InvalidRequest):
        assert all(v.field.startswith("uri.query[page") for v in found.violations)
        return
    again = parse_query(invoices, found.canonical, path=PATH)
    assert replace(again, warnings=()) == replace(found, warnings=())
    strict = outcome(invoices, text, PATH)
    if isinstance(strict, InvalidRequest):
        assert found.warnings


def test_a_lenient_query_of_nonsense_is_given_up(invoices: Collection) -> None:
    nonsense = "&".join(f"f{n}=1" for n in range(10_000))
    found = outcome(invoices, nonsense, PATH, FilterMode.LENIENT)
    assert isinstance(found, InvalidRequest)
    assert found.violations == (Violation("uri.query", "more than 100 of its parameters would be ignored"),)


def test_warnings_that_are_too_many_are_counted(invoices: Collection) -> None:
    repeated = "&".join(f"id={n}" for n in range(1001))
    query = parse_query(invoices, repeated, path=PATH, mode=FilterMode.LENIENT)
    assert (len(query.warnings), sum(w.count for w in query.warnings)) == (100, 1000)
    assert query.canonical.startswith("id=1000&")


@given(value=st.datetimes(timezones=st.just(UTC)) | st.dates() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_value_written_reads_back(value) -> None:
    kinds = {datetime: Kind.TIMESTAMP, date: Kind.DATE, float: Kind.FLOAT}
    assert read_value(ColumnType(kinds[type(value)]), write_value(value), UTC) == value
