"""The grammar of queries, case by case, with where each comes from. docs/query-grammar.md is made of this table.

A test of API Platform is named by its class and its case; its properties have the names of the collection here.
"""

from dataclasses import dataclass

CATALOG = """
[sources.books]
kind = "sql"

[collections.Invoices]
path = "/entities/{entityId}/invoices"
source = "books"
table = "invoices"
key = ["id"]
formats = ["JSON"]
order = ["-issuedAt"]
parameters.entityId = { column = "entity_id" }
limits = { max_items_per_page = 1000 }
columns = [
  { field = "id", type = "integer" },
  { field = "issuedAt", type = "timestamp" },
  { field = "cancelledAt", type = "timestamp", include_null_after = true, nulls = "smallest" },
  { field = "paidAt", type = "timestamp", include_null_before = true, nulls = "largest" },
  { field = "sentAt", type = "timestamp", include_null_before = true, include_null_after = true, nulls = "first" },
  { field = "dueOn", type = "date" },
  { field = "status" },
  { field = "currency", match = "iexact" },
  { field = "notes", match = "partial" },
  { field = "name", match = "ipartial" },
  { field = "folio", match = "start" },
  { field = "series", match = "istart" },
  { field = "file", match = "end" },
  { field = "email", match = "iend" },
  { field = "subject", match = "word_start" },
  { field = "title", match = "iword_start" },
  { field = "issuer.rfc" },
  { field = "issuer.name", match = "ipartial" },
  { field = "total", type = "decimal(18,2)" },
  { field = "rate", type = "float" },
  { field = "paid", type = "boolean" },
  { field = "raw", type = "json" },
  { field = "bank", mask = "last4" },
]
"""

EVERYTHING = "everything"
IGNORED = EVERYTHING
"""What is left in LENIENT mode of a query whose only parameter is ignored."""


@dataclass(frozen=True)
class Case:
    """A query, what it means or, refused, a part of what the refusal says, and what LENIENT makes of it."""

    query: str
    means: str
    source: str
    refused: bool = False
    lenient: str = ""

    @property
    def leniently(self) -> str:
        """What LENIENT makes of it, "refused" when that is refused too."""
        return self.lenient or self.means


def ok(query: str, means: str, source: str, lenient: str = "") -> Case:
    """A query that is understood."""
    return Case(query, means, source, lenient=lenient)


def bad(query: str, part: str, source: str, lenient: str = IGNORED) -> Case:
    """A query that is refused."""
    return Case(query, part, source, refused=True, lenient=lenient)


OURS = "exportd"
DATE, RANGE, EXISTS, BOOLEAN, NUMERIC, ORDER, SEARCH, PROPERTY = (
    f"{name}FilterTest" for name in ("Date", "Range", "Exists", "Boolean", "Numeric", "Order", "Search", "Property")
)
PAGINATION = "Pagination"
SYNTAGE, PHP = "Syntage docs", "PHP"
APRIL = "2015-04-05T00:00:00Z"

SECTIONS: dict[str, list[Case]] = {
    "Parameters and their spelling": [
        ok("", EVERYTHING, OURS),
        ok("&&status=a&", "status = 'a'", OURS),
        ok("status=a=b", "status = 'a=b'", OURS),
        ok("status=a+b", "status = 'a b'", PHP),
        ok("status=a%2Bb", "status = 'a+b'", PHP),
        ok("status=%C3%91and%C3%BA", "status = 'Ñandú'", OURS),
        ok("status=%25_", "status = '%_'", OURS),
        ok("issuedAt%5Bafter%5D=2026-01-01", "issuedAt >= 2026-01-01T00:00:00Z", PHP),
        ok("status=a&paid=1", "paid = true and status = 'a'", SEARCH),
        ok(
            "currency=MXN&status=I&issuedAt[after]=2020-01-01",
            "currency = 'MXN' in any case and issuedAt >= 2020-01-01T00:00:00Z and status = 'I'",
            f"{SYNTAGE}: exports",
        ),
        bad("isuedAt[after]=2026-01-01", "unknown property isuedAt: did you mean issuedAt?", OURS),
        bad("foo=exact", "unknown property foo", f"{SEARCH}: invalid property"),
        bad("unknown=0", "unknown property unknown", f"{SEARCH}: testCollectionFilteredByUnknownProperty"),
        bad("toto=toto", "unknown property toto", f"{NUMERIC}: mixed numeric, non-numeric and invalid property"),
        bad("issuedAt[aftr]=2026-01-01", "unknown operator aftr: did you mean after?", OURS),
        bad(
            "status[0]=a&status[1]=b",
            "several values are written status[]=…",
            "SearchFilterTrait: normalizeValues",
            lenient="status = 'a' or 'b'",
        ),
        bad("status[0]=a&status[0]=b", "several values are written status[]=…", PHP, lenient="status = 'b'"),
        bad("status[][]=a", "an array is given where one value is expected", f"{SEARCH}: invalid values for relations"),
        bad("status", "it has no value", OURS),
        bad("status=%zz", "not followed by two hexadecimal digits", OURS),
        bad("raw=x", "raw cannot be filtered by", OURS),
        bad("bank=1234", "bank cannot be filtered by", OURS),
        bad("entityId=e-2", "entityId is given by the path", OURS),
        bad("status=a&isuedAt=1", "did you mean issuedAt?", OURS, lenient="status = 'a'"),
        ok("status=a&status=b", "status = 'a' or 'b'", f"{OURS}; LENIENT as {PHP}", lenient="status = 'b'"),
        ok("status=a&status[]=b", "status = 'a' or 'b'", f"{OURS}; LENIENT as {PHP}", lenient="status = 'b'"),
        ok("status[]=a&status=b", "status = 'a' or 'b'", f"{OURS}; LENIENT as {PHP}", lenient="status = 'b'"),
    ],
    "Text": [
        ok("status=exact", "status = 'exact'", f"{SEARCH}: exact"),
        ok("status[]=CaSE&status[]=SENSitive", "status = 'CaSE' or 'SENSitive'", f"{SEARCH}: exact (multiple values)"),
        ok("currency=exact", "currency = 'exact' in any case", f"{SEARCH}: exact (case insensitive)"),
        ok(
            "currency=exact (special)",
            "currency = 'exact (special)' in any case",
            f"{SEARCH}: exact (case insensitive, with special characters)",
        ),
        ok(
            "currency[]=CaSE&currency[]=inSENSitive",
            "currency = 'CaSE' or 'inSENSitive' in any case",
            f"{SEARCH}: exact (multiple values; case insensitive)",
        ),
        ok("notes=partial", "notes contains 'partial'", f"{SEARCH}: partial"),
        ok("name=partial", "name contains 'partial' in any case", f"{SEARCH}: partial (case insensitive)"),
        ok(
            "notes[]=CaSE&notes[]=SENSitive",
            "notes contains 'CaSE' or 'SENSitive'",
            f"{SEARCH}: partial (multiple values)",
        ),
        ok(
            "name[]=CaSE&name[]=inSENSitive",
            "name contains 'CaSE' or 'inSENSitive' in any case",
            f"{SEARCH}: partial (multiple values; case insensitive)",
        ),
        ok(
            "name[]=blue car&name[]=Blue Car",
            "name contains 'blue car' or 'Blue Car' in any case",
            f"{SEARCH}: partial (multiple almost same values; case insensitive)",
        ),
        ok("name[]=2&name[]=3", "name contains '2' or '3' in any case", f"{SEARCH}: testSearchByNameMultipleValues"),
        ok("folio=partial", "folio starts with 'partial'", f"{SEARCH}: start"),
        ok("series=partial", "series starts with 'partial' in any case", f"{SEARCH}: start (case insensitive)"),
        ok(
            "folio[]=CaSE&folio[]=SENSitive",
            "folio starts with 'CaSE' or 'SENSitive'",
            f"{SEARCH}: start (multiple values)",
        ),
        ok(
            "series[]=CaSE&series[]=inSENSitive",
            "series starts with 'CaSE' or 'inSENSitive' in any case",
            f"{SEARCH}: start (multiple values; case insensitive)",
        ),
        ok("file=partial", "file ends with 'partial'", f"{SEARCH}: end"),
        ok("email=partial", "email ends with 'partial' in any case", f"{SEARCH}: end (case insensitive)"),
        ok("file[]=CaSE&file[]=SENSitive", "file ends with 'CaSE' or 'SENSitive'", f"{SEARCH}: end (multiple values)"),
        ok(
            "email[]=CaSE&email[]=inSENSitive",
            "email ends with 'CaSE' or 'inSENSitive' in any case",
            f"{SEARCH}: end (multiple values; case insensitive)",
        ),
        ok("subject=partial", "subject word starts with 'partial'", f"{SEARCH}: word_start"),
        ok("title=partial", "title word starts with 'partial' in any case", f"{SEARCH}: word_start (case insensitive)"),
        ok(
            "subject[]=CaSE&subject[]=SENSitive",
            "subject word starts with 'CaSE' or 'SENSitive'",
            f"{SEARCH}: word_start (multiple values)",
        ),
        ok(
            "title[]=CaSE&title[]=inSENSitive",
            "title word starts with 'CaSE' or 'inSENSitive' in any case",
            f"{SEARCH}: word_start (multiple values; case insensitive)",
        ),
        ok(
            "status=exact&issuer.rfc=exact",
            "issuer.rfc = 'exact' and status = 'exact'",
            f"{SEARCH}: nested property",
        ),
        ok("issuer.name=my", "issuer.name contains 'my' in any case", f"{SEARCH}: testSearchEmbeddedByName"),
        ok("name=100%25_", "name contains '100%_' in any case", OURS),
        ok("status=", "status = ''", OURS),
        ok("status=15toto", "status = '15toto'", f"{NUMERIC}: mixed numeric and non-numeric"),
        ok("status=true", "status = 'true'", f'{BOOLEAN}: string ("true") on non-boolean property'),
        bad("issuer.rcf=x", "did you mean issuer.rfc?", OURS),
        bad("issuer=x", "unknown property issuer", OURS),
        bad("status=%00", "NUL", OURS),
    ],
    "Numbers": [
        ok("total=21", "total = 21", f"{NUMERIC}: numeric string (positive integer)"),
        ok("total[]=21&total[]=22", "total = 21 or 22", f"{NUMERIC}: multiple numeric string (positive integer)"),
        ok("total=-21", "total = -21", f"{NUMERIC}: numeric string (negative integer)"),
        ok("total=0", "total = 0", f'{NUMERIC}: numeric string ("0")'),
        ok("total[]=9.99&total[]=12.99", "total = 9.99 or 12.99", f"{NUMERIC}: testCollectionByMultipleDummyPrice"),
        ok("id=46", "id = 46", f"{SEARCH}: integer value"),
        ok("rate=1e-3", "rate = 0.001", OURS),
        ok("total=0.1000000000000000055", "total = 0.1000000000000000055", OURS),
        bad(
            "total=marty", "marty is not a decimal number", f"{NUMERIC}: testCollectionByNonNumericDummyPriceIsIgnored"
        ),
        bad("id=toto", "toto is not an integer", f"{NUMERIC}: non-numeric"),
        bad("id=9.99", "9.99 is not an integer", f"{SEARCH}: testCollectionByIdNonInteger"),
        bad("total[]=test&total[]=invalid", "test is not a decimal number", f"{NUMERIC}: multiple non-numeric"),
        bad(
            "total[invalid]=21&total[]=22",
            "unknown operator invalid",
            f"{NUMERIC}: multiple numeric string with one invalid property key",
            lenient="total = 22",
        ),
        bad(
            "total[invalid]=21&total[invalid2]=22",
            "unknown operator invalid",
            f"{NUMERIC}: multiple numeric string with invalid value keys",
        ),
        bad("total=NaN", "NaN is not a decimal number", OURS),
        bad("id=9223372036854775808", "is outside of", OURS),
    ],
    "Ranges": [
        ok("total[between]=9.99..15.99", "total >= 9.99 and total <= 15.99", f"{RANGE}: between"),
        ok("total[between]=9.99..9.99", "total >= 9.99 and total <= 9.99", f"{RANGE}: between (same values)"),
        bad("total[between]=9.99..15.99..99.99", "is not two numbers", f"{RANGE}: between (too many operands)"),
        bad("total[between]=15.99", "is not two numbers", f"{RANGE}: between (too few operands)"),
        bad("total[between]=abc..def", "abc is not a decimal number", f"{RANGE}: between (non-numeric operands)"),
        ok("total[lt]=9.99", "total < 9.99", f"{RANGE}: lt"),
        bad("total[lt]=127.0.0.1", "is not a decimal number", f"{RANGE}: lt (non-numeric)"),
        ok("total[lte]=9.99", "total <= 9.99", f"{RANGE}: lte"),
        bad("total[lte]=127.0.0.1", "is not a decimal number", f"{RANGE}: lte (non-numeric)"),
        ok("total[gt]=9.99", "total > 9.99", f"{RANGE}: gt"),
        bad("total[gt]=127.0.0.1", "is not a decimal number", f"{RANGE}: gt (non-numeric)"),
        ok("total[gte]=9.99", "total >= 9.99", f"{RANGE}: gte"),
        bad("total[gte]=127.0.0.1", "is not a decimal number", f"{RANGE}: gte (non-numeric)"),
        ok("total[gte]=9.99&total[lte]=19.99", "total >= 9.99 and total <= 19.99", f"{RANGE}: lte + gte"),
        ok("total[gt]=12.99&total[lt]=19.99", "total > 12.99 and total < 19.99", f"{RANGE}: testRangeFilter"),
        ok("id[lt]=7", "id < 7", "CursorPaginationTest"),
        ok("order[id]=desc&id[gt]=10", "id > 10; by -id", "CursorPaginationTest"),
        ok("issuedAt[lt]=2026-01-01", "issuedAt < 2026-01-01T00:00:00Z", OURS),
        ok("folio[gte]=B", "folio >= 'B'", OURS),
        ok("rate[between]=-1..1e2", "rate >= -1.0 and rate <= 100.0", OURS),
        ok(
            "total[between]=1..2&total[between]=5..6",
            "(total >= 1 and total <= 2 or total >= 5 and total <= 6)",
            f"{OURS}; LENIENT as {PHP}",
            lenient="total >= 5 and total <= 6",
        ),
        bad("paid[gt]=0", "gt compares sizes, and paid is boolean", OURS),
        bad("issuedAt[between]=2026-01-01..2026-02-01", "between is for numbers", OURS),
        bad("total[between]=..5", "an empty value is not a decimal number", OURS),
        bad("total[between][]=1..2", "an array is given where one value is expected", OURS),
    ],
    "Dates and times": [
        ok("issuedAt[after]=2015-04-05", f"issuedAt >= {APRIL}", f"{DATE}: after"),
        ok("issuedAt[strictly_after]=2015-04-05", f"issuedAt > {APRIL}", f"{DATE}: after but not equals"),
        ok("issuedAt[before]=2015-04-05", f"issuedAt <= {APRIL}, with a warning", f"{DATE}: before"),
        ok("issuedAt[strictly_before]=2015-04-05", f"issuedAt < {APRIL}", f"{DATE}: before but not equals"),
        ok(
            "issuedAt[after]=2015-04-05&issuedAt[before]=2015-04-05",
            f"issuedAt >= {APRIL} and issuedAt <= {APRIL}, with a warning",
            f"{DATE}: before + after",
        ),
        ok(
            "issuedAt[strictly_after]=2015-04-05&issuedAt[strictly_before]=2015-04-05",
            f"issuedAt > {APRIL} and issuedAt < {APRIL}",
            f"{DATE}: before but not equals + after but not equals",
        ),
        bad("notThere[after]=2015-04-05", "unknown property notThere", f"{DATE}: property not enabled"),
        ok("cancelledAt[after]=2015-04-05", f"cancelledAt >= {APRIL} or null", f"{DATE}: after (include_null_after)"),
        ok(
            "cancelledAt[strictly_before]=2015-04-05",
            f"cancelledAt < {APRIL}",
            f"{DATE}: testCollectionFilteredByDateIncludeNullAfter",
        ),
        ok(
            "paidAt[strictly_before]=2015-04-05",
            f"paidAt < {APRIL} or null",
            f"{DATE}: testCollectionFilteredByDateIncludeNullBefore",
        ),
        ok("paidAt[after]=2015-04-05", f"paidAt >= {APRIL}", f"{DATE}: testCollectionFilteredByDateIncludeNullBefore"),
        ok(
            "sentAt[after]=2015-04-05",
            f"sentAt >= {APRIL} or null",
            f"{DATE}: include null before and after (include_null_before_and_after)",
        ),
        ok("dueOn[after]=2015-04-28", "dueOn >= 2015-04-28", f"{DATE}: testCollectionFilteredByDateThatIsNotDatetime"),
        ok("dueOn[before]=2015-04-28", "dueOn <= 2015-04-28", OURS),
        bad("issuedAt[after]=1932iur123ufqe", "is not a date or a time", f"{DATE}: bad date format"),
        bad("issuedAt[before][]=2015-04-05", "an array is given", f"{DATE}: bad date format"),
        bad("issuedAt[after]=", "an empty value is not a date or a time", "DateFilterTrait: non-empty string"),
        ok(
            "issuedAt[after]=2015-04-28T00:00:00%2B00:00",
            "issuedAt >= 2015-04-28T00:00:00Z",
            f"{DATE}: testDummyDateFilter",
        ),
        ok("issuedAt[before]=2015-04-05Z", f"issuedAt <= {APRIL}, with a warning", f"{DATE}: testDummyDateFilter"),
        ok("issuedAt[after]=2015-04-05T02:00:00+02:00", f"issuedAt >= {APRIL}", f"{OURS}: a + that became a space"),
        ok("issuedAt[after]=2015-04-04T18:00-06:00", f"issuedAt >= {APRIL}", OURS),
        ok("issuedAt[lte]=2015-04-05", f"issuedAt <= {APRIL}, with a warning", OURS),
        ok("issuedAt=2015-04-01", "issuedAt = 2015-04-01T00:00:00Z", f"{SEARCH}: testSearchByDate"),
        ok("issuedAt[after]=2026-01-01", "issuedAt >= 2026-01-01T00:00:00Z", f"{SYNTAGE}: exports"),
        bad("status[after]=2015-04-05", "after is for dates and times, and status is text", OURS),
        bad("dueOn=2026-02-30", "not in the calendar", OURS),
        bad("dueOn[after]=2026-01-31T00:00:00Z", "is not a date", OURS),
        bad("issuedAt[after]=2026-01-01T10:00:00.1234567Z", "finer than a microsecond", OURS),
        bad("issuedAt[AFTER]=2026-01-01", "unknown operator AFTER: did you mean after?", OURS),
    ],
    "Booleans": [
        ok("paid=true", "paid = true", f'{BOOLEAN}: string ("true")'),
        ok("paid=false", "paid = false", f'{BOOLEAN}: string ("false")'),
        ok("paid=1", "paid = true", f'{BOOLEAN}: numeric string ("1")'),
        ok("paid=0", "paid = false", f'{BOOLEAN}: numeric string ("0")'),
        ok("paid[]=0&paid[]=1", "paid = false or true", OURS),
        bad("paid=toto", "toto is not one of true, 1, false, 0", f"{BOOLEAN}: non-boolean"),
        bad("paid=TRUE", "TRUE is not one of true, 1, false, 0", "BooleanFilterTrait: normalizeValue"),
        bad("paid=", "an empty value is not one of true, 1, false, 0", "BooleanFilterTrait: normalizeValue"),
        bad(
            "paid=false&toto=toto&status=true&id=0",
            "unknown property toto",
            f"{BOOLEAN}: mixed boolean, non-boolean and invalid property",
            lenient="id = 0 and paid = false and status = 'true'",
        ),
    ],
    "Existence": [
        ok("exists[status]=true", "status is not null", f"{EXISTS}: valid values"),
        ok("exists[status]=", "status is not null", f"{EXISTS}: valid values (empty for true)"),
        ok("exists[status]", "status is not null", f"{EXISTS}: valid values (empty for true)"),
        ok("exists[status]=1", "status is not null", f"{EXISTS}: valid values (1 for true)"),
        bad("exists[status]=invalid", "invalid is not one of true, 1, false, 0", f"{EXISTS}: invalid values"),
        ok("exists[status]=false", "status is null", f"{EXISTS}: negative values"),
        ok("exists[status]=0", "status is null", f"{EXISTS}: negative values (0)"),
        ok(
            "exists[currency]=true&exists[status]=true",
            "currency is not null and status is not null",
            f"{EXISTS}: multiple values (true and true)",
        ),
        ok(
            "exists[currency]=1&exists[status]=0",
            "currency is not null and status is null",
            f"{EXISTS}: multiple values (1 and 0)",
        ),
        ok(
            "exists[currency]=false&exists[status]=0",
            "currency is null and status is null",
            f"{EXISTS}: multiple values (false and 0)",
        ),
        ok(
            "exists[status]=1&exists[issuer.name]=1",
            "issuer.name is not null and status is not null",
            f"{EXISTS}: related values",
        ),
        ok("exists[raw]=false", "raw is null", OURS),
        ok(
            "exists[dueOn]=1&dueOn[after]=2026-01-01",
            "dueOn >= 2026-01-01 and dueOn is not null",
            OURS,
        ),
        bad("exists[notThere]=1", "unknown property notThere", OURS),
        bad("exists[bank]=1", "bank cannot be tested with exists", OURS),
        bad("exists=true", "name the property: exists[property]", OURS),
        bad("exists[]=true", "name the property: exists[property]", OURS),
        bad("exists[status][]=1", "name the property: exists[property]", OURS),
    ],
    "Order": [
        ok("order[id]=asc", f"{EVERYTHING}; by id", f"{ORDER}: testOrderDummies"),
        ok("order[id]=desc", f"{EVERYTHING}; by -id", f"{ORDER}: testOrderDummies"),
        ok("order[id]=asc&order[status]=desc", f"{EVERYTHING}; by id, -status", f"{ORDER}: valid values"),
        ok(
            "order[status]=desc&order[id]=desc",
            f"{EVERYTHING}; by -status, -id",
            f"{ORDER}: testOrderByMultipleProperties",
        ),
        bad(
            "order[id]=asc&order[status]=invalid",
            "invalid is not a direction",
            f"{ORDER}: invalid values",
            lenient=f"{EVERYTHING}; by id",
        ),
        bad(
            "order[id]=asc&order[alias]=asc",
            "unknown property alias",
            f"{ORDER}: valid values (properties not enabled)",
            lenient=f"{EVERYTHING}; by id",
        ),
        bad("order[unknown]=asc", "unknown property unknown", f"{ORDER}: invalid property (property not enabled)"),
        ok(
            "order[id]=asc&order[status]=desc&order[issuer.name]=desc",
            f"{EVERYTHING}; by id, -status, -issuer.name",
            f"{ORDER}: nested property",
        ),
        ok("order[total]=ASC", f"{EVERYTHING}; by total, id", f"{ORDER}: not nullable relation will be a LEFT JOIN"),
        ok(
            "order[cancelledAt]=asc",
            f"{EVERYTHING}; by cancelledAt (nulls first), id",
            f"{ORDER}: nulls_smallest (asc)",
        ),
        ok("order[cancelledAt]=desc", f"{EVERYTHING}; by -cancelledAt, id", f"{ORDER}: nulls_smallest (desc)"),
        ok("order[paidAt]=asc", f"{EVERYTHING}; by paidAt, id", f"{ORDER}: nulls_largest (asc)"),
        ok("order[paidAt]=desc", f"{EVERYTHING}; by -paidAt (nulls first), id", f"{ORDER}: nulls_largest (desc)"),
        ok("order[sentAt]=asc", f"{EVERYTHING}; by sentAt (nulls first), id", f"{ORDER}: nulls_always_first (asc)"),
        ok("order[sentAt]=desc", f"{EVERYTHING}; by -sentAt (nulls first), id", f"{ORDER}: nulls_always_first (desc)"),
        ok("order[dueOn]=asc", f"{EVERYTHING}; by dueOn, id", f"{ORDER}: nulls_always_last (asc)"),
        ok("order[dueOn]=desc", f"{EVERYTHING}; by -dueOn, id", f"{ORDER}: nulls_always_last (desc)"),
        bad("order[]=desc", "name the property", f"{ORDER}: testOrderListSyntaxIsAccepted"),
        bad("order[issuer.name]", "it has no value", f"{ORDER}: testOrderByEmbeddedStringWithoutValueReturns422"),
        bad("order=asc", "name the property", OURS),
        bad("order[raw]=asc", "raw cannot be ordered by", OURS),
        bad("order[bank]=asc", "bank cannot be ordered by", OURS),
        bad(
            "order[id]=asc&order[id]=desc",
            "given twice in the order, in both directions",
            f"{OURS}; LENIENT as {PHP}",
            lenient=f"{EVERYTHING}; by -id",
        ),
        ok("order[total]=asc&order[total]=ASC", f"{EVERYTHING}; by total, id", OURS),
    ],
    "Properties": [
        ok("properties[]=id&properties[]=total", f"{EVERYTHING}; columns id, total", f"{PROPERTY}: testApply"),
        ok("properties[]=total&properties[]=id", f"{EVERYTHING}; columns total, id", OURS),
        ok(
            "properties[]=id&properties[issuer][]=rfc",
            f"{EVERYTHING}; columns id, issuer.rfc",
            f"{PROPERTY}: testApplyWithPropertiesWhitelistAndNestedProperty",
        ),
        ok("properties[issuer]=rfc", f"{EVERYTHING}; columns issuer.rfc", OURS),
        ok("properties[]=issuer.rfc", f"{EVERYTHING}; columns issuer.rfc", OURS),
        ok("properties[]=issuer", f"{EVERYTHING}; columns issuer.rfc, issuer.name", OURS),
        ok("properties[]=id&properties[]=id", f"{EVERYTHING}; columns id", OURS),
        ok("properties[]=bank", f"{EVERYTHING}; columns bank", OURS),
        bad(
            "properties[]=foo&properties[]=id",
            "unknown property foo",
            f"{PROPERTY}: testApplyWithPropertiesWhitelist",
            lenient=f"{EVERYTHING}; columns id",
        ),
        bad(
            "properties[]=fuz",
            "unknown property fuz",
            f"{PROPERTY}: testApplyWithPropertiesWhitelistNotMatchingAnyProperty",
        ),
        bad(
            "properties=id,total", "write properties[]=property", f"{PROPERTY}: testApplyWithInvalidPropertiesInRequest"
        ),
        bad("properties[issuer][]=rcf", "did you mean issuer.rfc?", OURS),
        bad("properties[0]=id", "unknown property 0.id", PHP, lenient=f"{EVERYTHING}; columns id"),
        bad("properties[][]=id", "write properties[]=property", OURS),
    ],
    "Pages": [
        ok("page=1", f"{EVERYTHING}; rows 1 to 30", f"{PAGINATION}: getPage, getLimit"),
        ok("page=2", f"{EVERYTHING}; rows 31 to 60", f"{PAGINATION}: getOffset"),
        ok("page=2&itemsPerPage=50", f"{EVERYTHING}; rows 51 to 100", f"{SYNTAGE}: pagination"),
        ok("itemsPerPage=50&page=2", f"{EVERYTHING}; rows 51 to 100", OURS),
        ok("itemsPerPage=50", f"{EVERYTHING}, with a warning", OURS),
        bad(
            "page=0", "0 is not a page: the first one is 1", f"{PAGINATION}: Page should not be less than 1", "refused"
        ),
        bad("page=-1", "-1 is not a page", f"{PAGINATION}: Page should not be less than 1", "refused"),
        bad("page=abc", "abc is not a page", f"{PAGINATION}: (int) 'abc' is 0", "refused"),
        bad("page[]=1", "is not a page", OURS, "refused"),
        bad("page=99999999999999999999", "is too large", f"{PAGINATION}: Page parameter is too large", "refused"),
        bad("page=1&page=2", "page is given twice", f"{OURS}; LENIENT as {PHP}", f"{EVERYTHING}; rows 31 to 60"),
        bad(
            "page=1&itemsPerPage=1001",
            "1001 is not one of 1 to 1000",
            f"{PAGINATION}: maximum_items_per_page",
            f"{EVERYTHING}; rows 1 to 1000, with a warning",
        ),
        bad("page=1&itemsPerPage=0", "0 is not one of 1 to 1000", OURS, f"{EVERYTHING}; rows 1 to 30"),
        bad(
            "page=1&itemsPerPage=-1",
            "-1 is not one of",
            f"{PAGINATION}: Limit less than 0",
            f"{EVERYTHING}; rows 1 to 30",
        ),
    ],
}

CASES = [case for cases in SECTIONS.values() for case in cases]
