"""The catalog file: a sound one becomes a catalog, any other is refused with every mistake in it."""

from pathlib import Path

import pytest

from services.api.catalog.definition.column_types import column_type
from services.api.catalog.definition.file import load
from services.api.catalog.model import Catalog, Collection
from services.contract.formats import Format
from services.contract.spec import AttachmentSpec, ColumnType, Kind, Relation, SourceRef
from services.runtime.toml import FileError


@pytest.fixture
def mistakes(tmp_path: Path):
    def find(text: str) -> list[str]:
        path = tmp_path / "catalog.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(FileError) as caught:
            load(path)
        assert str(caught.value).startswith(f"{path} has ")
        return [str(m) for m in caught.value.mistakes]

    return find


def test_a_sound_file_becomes_a_catalog(catalog: Catalog, invoices: Collection) -> None:
    assert [c.code for c in catalog.collections] == ["Invoices", "Items", "Flights"]
    assert invoices.path == "/entities/{entityId}/invoices"
    assert invoices.table_name == "invoices"
    assert (invoices.source, invoices.relation) == (SourceRef("books", "sql"), Relation(table="invoices"))
    assert invoices.key == ("id",)
    assert invoices.formats == (Format.XLSX, Format.CSV, Format.JSON, Format.JSONL)
    assert [(o.column.field, o.descending) for o in invoices.order] == [("issuedAt", True)]
    assert [(p.name, p.column, p.type.kind, p.optional) for p in invoices.parameters] == [
        ("entityId", "entity_id", Kind.TEXT, False)
    ]
    assert invoices.attachments[0] == AttachmentSpec(
        "invoice.cfdi.xml", SourceRef("papers", "folder"), "{entity_id}/{uuid}.xml"
    )


def test_what_is_left_out_has_a_default(catalog: Catalog, invoices: Collection) -> None:
    by_field = {c.field: c for c in invoices.columns}
    assert (by_field["status"].name, by_field["status"].header, by_field["status"].type.kind) == (
        "status",
        "status",
        Kind.TEXT,
    )
    assert (by_field["issuedAt"].name, by_field["issuedAt"].header) == ("issued_at", "Issued at")
    uses = {f: (by_field[f].filter, by_field[f].sort) for f in ("status", "secret", "note", "raw", "pages")}
    assert uses == {
        "status": (True, True),
        "secret": (False, False),
        "note": (True, False),
        "raw": (False, False),
        "pages": (True, True),
    }
    flights = catalog.by_code("Flights")
    assert flights
    assert (flights.key, flights.order, flights.description) == (("id",), (), "")
    assert flights.relation == Relation(path="2013/*.parquet")


def test_a_catalog_is_looked_up_by_code_and_by_path(catalog: Catalog) -> None:
    items, bound = catalog.by_path(("entities", "7", "invoices", "line-items")) or (None, None)
    assert items is catalog.by_code("Items")
    assert bound == {"entityId": "7"}
    assert catalog.by_path(("entities", "", "invoices")) is None
    assert catalog.by_path(()) is None
    assert catalog.by_code("invoices") is None


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ('kind = "sql"', 'kind = "sqlite"', '[sources.books] kind: "sqlite" is not known; did you mean sql?'),
        ('kind = "sql"', 'kind = "sql"\nurl = "x"', "[sources.books] url: unknown key; allowed: kind"),
        ("[sources.books]", "[source]\n[sources.books]", "source: unknown key; did you mean sources?"),
        ("description =", "descripton =", "[collections.Invoices] descripton: unknown key; did you mean description?"),
        ('source = "books"\ntable', "table", "[collections.Invoices] source: is missing"),
        (
            'source = "books"\ntable',
            'source = "boks"\ntable',
            '[collections.Invoices] source: "boks" is not known; did you mean books?',
        ),
        (
            'source = "books"\ntable',
            'source = "papers"\ntable',
            "[collections.Invoices] source: papers is of kind folder, which is for attachments; rows need another kind",
        ),
        (
            'table = "invoices"',
            'file = "x.csv"',
            "[collections.Invoices] file: source books is of kind sql, which is read by table or query",
        ),
        (
            'file = "2013/*.parquet"',
            'table = "flights"',
            "[collections.Flights] table: source trips is of kind parquet, which is read by file",
        ),
        (
            'table = "invoices"',
            'table = "a"\nquery = "b"',
            "[collections.Invoices] needs exactly one of table, query, file, http; it has table and query",
        ),
        (
            'table = "invoices"\n',
            "",
            "[collections.Invoices] needs exactly one of table, query, file, http; it has none",
        ),
        ('table = "invoices"', 'table = " "', "[collections.Invoices] table: must be a text that is not empty"),
        (
            '"2013/*.parquet"',
            '"../*.parquet"',
            "[collections.Flights] file: must be below the source's root: no / at the start, no .. and no backslash",
        ),
        ('key = ["id"]\n', "", "[collections.Invoices] key: is missing"),
        ('key = ["id"]', "key = []", "[collections.Invoices] key: needs at least one"),
        ('key = ["id"]', 'key = ["id", "id"]', "[collections.Invoices] key: has the same entry twice"),
        ('key = ["id"]', "key = 7", "[collections.Invoices] key: must be a list of texts that are not empty"),
        ('"JSONL"]', '"csv"]', '[collections.Invoices] formats: "csv" is not known; did you mean CSV?'),
        ('formats = ["CSV"]', "formats = []", "[collections.Items] formats: needs at least one"),
        (
            '["-issuedAt"]',
            '["-isuedAt"]',
            '[collections.Invoices] order: "isuedAt" is not a field; did you mean issuedAt?',
        ),
        ('["-issuedAt"]', '["note"]', '[collections.Invoices] order: "note" cannot be ordered by; '),
        ('["-issuedAt"]', '["id", "-id"]', "[collections.Invoices] order: has the same field twice"),
        (
            'field = "status"',
            'field = "id"',
            "[collections.Invoices] columns: the field id is there 2 times",
        ),
        (
            'columns = [{ field = "carrier" }]',
            "columns = []",
            "[collections.Flights] columns: needs at least one",
        ),
        ('columns = [{ field = "carrier" }]', "columns = 3", "[collections.Flights] columns: must be a list of tables"),
        (
            '{ field = "carrier" }',
            '"carrier"',
            "[[collections.Flights.columns]] no. 1 this is not a table",
        ),
        (
            '{ field = "carrier" }',
            '{ field = "a[b]" }',
            '[[collections.Flights.columns]] no. 1 field: "a[b]" is not a name',
        ),
        (
            '{ field = "carrier" }',
            '{ name = "carrier" }',
            "[[collections.Flights.columns]] no. 1 field: is missing",
        ),
        (
            '{ field = "carrier" }',
            '{ field = "carrier", type = "string" }',
            '[[collections.Flights.columns]] no. 1 type: "string" is not a type; known are text, integer, ',
        ),
        (
            '{ field = "carrier" }',
            '{ field = "carrier", type = "interger" }',
            '[[collections.Flights.columns]] no. 1 type: "interger" is not a type; did you mean integer?',
        ),
        (
            "decimal(18,2)",
            "decimal(2,18)",
            '[[collections.Invoices.columns]] no. 7 type: "decimal(2,18)" is not a type; ',
        ),
        (
            'type = "json"',
            'type = "json", filter = true, sort = false',
            "[[collections.Invoices.columns]] no. 10 filter: json cannot be filtered by: only false is allowed",
        ),
        (
            'type = "json"',
            'type = "json", sort = true',
            "[[collections.Invoices.columns]] no. 10 sort: json cannot be ordered by: only false is allowed",
        ),
        (
            'field = "pages", type = "integer"',
            'field = "page", name = "pages", filter = false',
            "[[collections.Invoices.columns]] no. 11 field: page is a reserved word of the query grammar",
        ),
        ("filter = false", 'filter = "no"', "[[collections.Invoices.columns]] no. 12 filter: must be true or false"),
        (
            'path = "/flights"',
            'path = "flights"',
            '[collections.Flights] path: "flights" is not a path: it needs segments "/word" and "/{parameter}"',
        ),
        (
            'path = "/flights"',
            'path = "/flights/"',
            '[collections.Flights] path: "/flights/" is not a path: it needs segments "/word"',
        ),
        (
            'path = "/flights"',
            'path = "/flights/{a"',
            '[collections.Flights] path: "/flights/{a" is not a path: it needs segments "/word"',
        ),
        (
            'path = "/flights"',
            'path = "/entities/{x}/invoices"\nparameters.x.column = "x"',
            "[collections.Flights] path: /entities/{x}/invoices and /entities/{entityId}/invoices of Invoices ",
        ),
        (
            'path = "/flights"',
            'path = "/entities/all/invoices"',
            "[collections.Flights] path: /entities/all/invoices and /entities/{entityId}/invoices of Invoices ",
        ),
        (
            'path = "/flights"',
            'path = "/flights/{year}"',
            "[collections.Flights] path: its parameter year needs a table [collections.Flights.parameters.year]",
        ),
        (
            'path = "/flights"',
            'path = "/{year}"\nparameters.year.column = "y"',
            "[collections.Flights] path: needs at least one word besides its parameters",
        ),
        (
            'path = "/flights"',
            'path = "/a/{y}/{y}"\nparameters.y.column = "y"',
            "[collections.Flights] path: names the same parameter twice",
        ),
        (
            'path = "/flights"',
            'path = "/flights"\nparameters.year.column = "y"',
            "[collections.Flights] parameters.year: is not in the path; known are none",
        ),
        (
            'column = "entity_id"\n',
            "",
            "[collections.Invoices.parameters.entityId] column: is missing",
        ),
        (
            'column = "entity_id"\n',
            'column = "entity_id"\ntype = "json"\n',
            "[collections.Invoices.parameters.entityId] type: json cannot be compared; allowed: text, ",
        ),
        (
            'path = "/flights"',
            'path = "/flights/{page}"\nparameters.page.column = "y"',
            "[collections.Flights.parameters.page] page is a reserved word of the query grammar; choose another name",
        ),
        (
            'path = "/flights"',
            'path = "/flights/{carrier}"\nparameters.carrier.column = "y"',
            "[collections.Flights.parameters.carrier] there is a column with the field carrier ",
        ),
        (
            'source = "papers"\npath = "{uuid}.pdf"',
            'source = "trips"\npath = "{uuid}.pdf"',
            '[collections.Invoices.attachments."invoice.pdf"] source: trips is of kind parquet; ',
        ),
        (
            '"{uuid}.pdf"',
            '"{uuid.pdf"',
            '[collections.Invoices.attachments."invoice.pdf"] path: a placeholder is written {column}, ',
        ),
        (
            '"{uuid}.pdf"',
            '"/{uuid}.pdf"',
            '[collections.Invoices.attachments."invoice.pdf"] path: must be below the source\'s root: ',
        ),
        (
            "[collections.Flights]",
            '[collections."Flights 2013"]',
            "[collections.Flights 2013] a code consists of letters, digits, _ and -, and begins with a letter",
        ),
    ],
)
def test_one_mistake_is_the_only_one_named(mistakes, sound: str, old: str, new: str, mistake: str) -> None:
    assert old in sound
    found = mistakes(sound.replace(old, new, 1))
    assert len(found) == 1, found
    assert found[0].startswith(mistake)


def test_all_mistakes_are_named_at_once(mistakes) -> None:
    found = mistakes("""
        extra = 1
        [sources.a]
        kind = "oracle"
        [collections.X]
        path = "/x/{y}"
        source = "b"
        formats = ["PDF", "ODS"]
        order = ["z"]
        [[collections.X.columns]]
        field = "c"
        tipe = "text"
        [collections.X.attachments.pdf]
        path = "{}"
    """)
    assert [f.split(":")[0] for f in found] == [
        "extra",
        "[sources.a] kind",
        "[[collections.X.columns]] no. 1 tipe",
        "[collections.X] source",
        "[collections.X] needs exactly one of table, query, file, http; it has none",
        "[collections.X] key",
        "[collections.X] formats",
        "[collections.X] formats",
        "[collections.X] order",
        "[collections.X] path",
        '[collections.X.attachments."pdf"] source',
        '[collections.X.attachments."pdf"] path',
    ]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "collections: needs at least one table [collections.CODE]"),
        ("collections = 1", "collections: must be a table of tables"),
        ("[collections.A]\n[collections.A]", "is not TOML in UTF-8: Cannot declare"),
        ("[collections.A", "is not TOML in UTF-8"),
    ],
)
def test_a_file_of_another_shape_is_refused(mistakes, text: str, part: str) -> None:
    assert mistakes(text)[0].startswith(part)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read: No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'a = "\xe9"')
    with pytest.raises(FileError, match="is not TOML in UTF-8"):
        load(tmp_path / "latin.toml")


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("decimal(1,0)", ColumnType(Kind.DECIMAL, 1, 0)),
        ("decimal(38, 38)", ColumnType(Kind.DECIMAL, 38, 38)),
        ("timestamp", ColumnType(Kind.TIMESTAMP)),
        ("decimal(39,2)", None),
        ("decimal(0,0)", None),
        ("decimal(5,6)", None),
        ("decimal(5)", None),
        ("decimal", None),
        ("Text", None),
    ],
)
def test_a_type_is_written(text: str, type_: ColumnType | None) -> None:
    assert column_type(text) == type_


FILES = """
[sources.logs]
kind = "parquet"
[sources.papers]
kind = "folder"
[collections.Visits]
path = "/visits"
source = "logs"
file = "visits/*.parquet"
formats = ["CSV"]
[[collections.Visits.columns]]
field = "at"
"""


def test_rows_of_files_need_no_key_since_their_place_tells_them_apart(tmp_path: Path) -> None:
    (tmp_path / "catalog.toml").write_text(FILES)
    (visits,) = load(tmp_path / "catalog.toml").collections
    assert visits.key == ()


def test_attachments_need_a_key_to_be_named_by(tmp_path: Path) -> None:
    attachments = '[collections.Visits.attachments."photo"]\nsource = "papers"\npath = "{at}.png"\n'
    (tmp_path / "catalog.toml").write_text(FILES + attachments)
    with pytest.raises(FileError, match="key: is missing"):
        load(tmp_path / "catalog.toml")


def test_a_mask_is_not_undone_by_the_names_of_attachments(mistakes) -> None:
    found = mistakes(
        """
        [sources.db]
        kind = "sql"
        [sources.papers]
        kind = "folder"
        [collections.People]
        path = "/people"
        source = "db"
        table = "people"
        key = "id"
        formats = ["CSV"]
        columns = [
          { field = "id", mask = "hash" },
          { field = "name", mask = "redact" },
          { field = "tax", mask = "last4" },
        ]
        [collections.People.attachments.photo]
        source = "papers"
        path = "{name}.jpg"
        """
    )
    assert found == [
        "[collections.People] columns: id is masked, and would appear in names of attachments in the ZIP",
        "[collections.People] key: id is masked, and the rows are sorted by it; sort = true allows that",
        "[collections.People] columns: name is masked, and would appear in names of attachments in the ZIP",
    ]


def test_a_mask_is_not_undone_by_what_else_a_collection_has(mistakes) -> None:
    found = mistakes(
        """
        [sources.db]
        kind = "sql"
        [sources.papers]
        kind = "folder"
        [collections.People]
        path = "/people/{pin}"
        source = "db"
        table = "people"
        key = "id"
        formats = ["CSV"]
        changed = "born"
        columns = [
          { field = "id" },
          { field = "tax", mask = "last4" },
          { field = "again", name = "TAX" },
          { field = "born", type = "timestamp", mask = "redact" },
          { field = "customer", type = "json" },
          { field = "customer.card", mask = "redact" },
        ]
        parameters.pin = { column = "Tax" }
        [collections.People.attachments.photo]
        source = "papers"
        path = "{TAX}.jpg"
        """
    )
    assert found == [
        "[collections.People] columns: tax is masked, and would appear in names of attachments in the ZIP",
        "[collections.People] columns: tax is masked, and again, which is not, shows it too",
        "[collections.People] parameters.pin: compares tax, which is masked and has no filter = true",
        "[collections.People] changed: born is masked, and changed_since would compare it",
        "[collections.People] columns: customer.card is masked, and customer, which is not, shows it too",
    ]


PEOPLE = """
[sources.db]
kind = "sql"
[collections.People]
path = "{path}"
source = "db"
table = "people"
key = "id"
formats = ["CSV"]
columns = [{{ field = "id" }}, {{ field = "c", mask = "redact" }}, {beside}]
{more}
"""


@pytest.mark.parametrize(
    ("beside", "field"),
    [
        ('{ field = "c.ssn" }', "c.ssn"),
        ('{ field = "x", name = "C.ssn.last", type = "integer" }', "x"),
        ('{ field = "c.ssn", type = "json" }', "c.ssn"),
    ],
)
def test_a_part_of_a_masked_object_is_not_shown_bare(mistakes, beside: str, field: str) -> None:
    found = mistakes(PEOPLE.format(path="/people", beside=beside, more=""))
    assert found == [f"[collections.People] columns: c is masked, and {field}, which is not, shows it too"]


@pytest.mark.parametrize("key", ["c", "C", "c.ssn"])
def test_rows_do_not_come_in_the_order_of_what_is_masked(mistakes, key: str) -> None:
    catalog = PEOPLE.format(path="/people", beside='{ field = "name" }', more="")
    (found,) = mistakes(catalog.replace('key = "id"', f'key = "{key}"'))
    assert found.startswith("[collections.People] key: c is masked, and the rows are sorted by it")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('{ field = "name" }', '{ field = "cc.ssn" }'),
        ('{ field = "name" }', '{ field = "c.ssn", mask = "hash" }'),
        ('key = "id"', 'key = "name"'),
        ('key = "id"', 'key = "cc"'),
    ],
)
def test_what_is_masked_leaves_others_alone(tmp_path: Path, old: str, new: str) -> None:
    catalog = PEOPLE.format(path="/people", beside='{ field = "name" }', more="")
    (tmp_path / "catalog.toml").write_text(catalog.replace(old, new))
    assert load(tmp_path / "catalog.toml").collections


def test_rows_come_in_the_order_of_what_is_masked_where_the_author_says_so(tmp_path: Path) -> None:
    catalog = PEOPLE.format(path="/people", beside='{ field = "name" }', more="").replace('key = "id"', 'key = "c"')
    (tmp_path / "catalog.toml").write_text(catalog.replace('"redact" }', '"redact", sort = true }'))
    assert load(tmp_path / "catalog.toml").collections


def test_no_path_compares_a_part_of_what_is_masked(mistakes) -> None:
    more = 'parameters.ssn = { column = "c.ssn" }'
    found = mistakes(PEOPLE.format(path="/people/{ssn}", beside='{ field = "name" }', more=more))
    assert found == ["[collections.People] parameters.ssn: compares c, which is masked and has no filter = true"]


def test_beside_a_masked_column_stands_what_does_not_undo_it(tmp_path: Path) -> None:
    (tmp_path / "catalog.toml").write_text(
        """
        [sources.db]
        kind = "sql"
        [sources.papers]
        kind = "folder"
        [collections.People]
        path = "/people/{pin}/{tenant}"
        source = "db"
        table = "people"
        key = "id"
        formats = ["CSV"]
        tenant_column = "owner"
        columns = [
          { field = "id" },
          { field = "tax", mask = "last4", filter = true },
          { field = "again", name = "tax", mask = "hash" },
          { field = "owner", mask = "hash" },
          { field = "taxes", type = "json" },
          { field = "customer", name = "client", type = "json" },
          { field = "customer.card", mask = "redact" },
        ]
        parameters.pin = { column = "tax" }
        parameters.tenant = { column = "owner" }
        [collections.People.attachments.photo]
        source = "papers"
        path = "{id}.jpg"
        """
    )
    assert load(tmp_path / "catalog.toml").by_code("People")
