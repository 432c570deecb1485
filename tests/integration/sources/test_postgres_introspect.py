"""Drafts of catalogs from live databases: the api takes them as they are, and the worker reads by them."""

import io
import re
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from services.worker.sources.introspect.command import run
from services.worker.sources.sql.postgres.settings import PostgresSettings
from tests.integration.sources.drafts import drafted, exported, lines, types
from tests.integration.sources.source_specs import read, spec_of
from tests.servers import databases

SQLITE = """
create table "Artist Names" (ArtistId integer primary key, Name nvarchar(120));
create table Album (AlbumId integer primary key, Title text not null, ArtistId integer not null
  references "Artist Names" (ArtistId), Price numeric(10,2), released datetime, "2nd side" blob, page int, odd int, x);
create table "page" ("order" integer not null, "Ñ1" date, "" text, unique ("order"));
create table self (id integer primary key, parent integer references self (id));
create view Latest as select * from Album;
insert into "Artist Names" values (1, 'Ñandú');
insert into Album values (1, 'One', 1, 9.99, '2009-01-01 00:00:00', x'00', 3, 'not a number', 1.5);
insert into "page" values (1, 'someday', '');
"""
POSTGRES = (
    "create schema billing",
    "create domain price as numeric(9,2)",
    'create table "User.Accounts" (id uuid primary key, "E-mail" text)',
    'comment on table "User.Accounts" is \'Who may "sign" in.\'',
    """create table billing.invoices (series char(3), number bigint, account uuid references "User.Accounts",
    total price, issued timestamptz, tags text[], raw jsonb, big numeric, note text, primary key (series, number))""",
    "comment on column billing.invoices.note is E'two\\nlines'",
    "create table invoices (id integer not null unique, total money)",
    "create view loose as select 1 as one",
    "insert into \"User.Accounts\" values ('7b0e5c4e-0000-4000-8000-000000000001', 'a@b')",
    "insert into billing.invoices select 'A', 1, id, 9.99, '2026-01-01Z', '{x}', '{}', 1 from \"User.Accounts\"",
)


def test_a_draft_of_sqlite(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.sqlite3")) as connection, connection:
        connection.executescript(SQLITE)
    text, catalog = drafted(tmp_path, "sqlite:///shop.sqlite3")
    paths = [c.path for c in catalog.collections]
    assert paths == ["/album", "/artist-names/{artistId}/album", "/artist-names", "/latest", "/page", "/self"]
    expected = "integer text integer decimal(10,2) timestamp binary integer text float"
    assert " ".join(types(catalog, "Album").values()) == expected
    assert types(catalog, "AlbumByArtistId") == types(catalog, "Album")
    assert types(catalog, "Page") == {"order": "integer", "Ñ1": "text"}  # what has no name can't be exported
    assert 'field = "pageOrder", name = "order"' in text
    assert 'key = ["AlbumId"]  # guessed: no two of its 1 rows share it; it must tell all rows apart' in text


def test_what_sqlite_does_not_declare_is_guessed_and_marked(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.sqlite3")) as connection, connection:
        connection.executescript("""
            create table t (id integer primary key, price numeric, third numeric, fine numeric(9,2), none decimal,
              at text, day text, said text);
            insert into t values (1, 9.9, 1, 0.125, null, '2026-01-01 10:00:00', '2026-01-01', '2026-01-01');
            insert into t values (2, 10.25, 1/3.0, 1, null, '2026-01-02T10:00:00Z', '2026-01-02', 'soon');
            create table keyless (id integer, name text);
            create unique index low on keyless (lower(name));
            insert into keyless values (1, 'a'), (2, 'b');
        """)
    text, _ = drafted(tmp_path, "sqlite:///shop.sqlite3")
    assert lines(text) == {
        "id": "integer",
        "price": "decimal(38,2) # guessed from the values",
        "third": "float # guessed from the values",
        "fine": "decimal(38,3) # guessed from the values",
        "none": "text # no values to guess from",
        "at": "text # looks like timestamps",
        "day": "text # looks like dates",
        "said": "text",
        "name": "text",  # of keyless
    }
    assert 'key = ["id"]  # guessed: no two of its 2 rows share it' in text


def test_headers_differ_and_end_without_blanks(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.sqlite3")) as connection, connection:
        connection.executescript('create table t (id integer primary key, "a_b", "a b", group_, "_")')
    _, catalog = drafted(tmp_path, "sqlite:///shop.sqlite3")
    assert [c.header for c in catalog.collections[0].columns] == ["Id", "a_b", "a b", "Group", "column5"]


def test_a_draft_of_postgresql(tmp_path: Path) -> None:
    url = databases.new_database(*POSTGRES)
    text, catalog = drafted(tmp_path, url)
    assert {c.code: (c.path, c.key) for c in catalog.collections} == {
        "UserAccounts": ("/user-accounts", ("id",)),
        "Invoices": ("/invoices", ("id",)),
        "Invoices2": ("/invoices2", ("series", "number")),
        "Invoices2ByAccount": ("/user-accounts/{account}/invoices2", ("series", "number")),
    }
    expected = "text integer text decimal(9,2) timestamp json json decimal(38,0) text"
    assert " ".join(types(catalog, "Invoices2").values()) == expected
    assert (catalog.by_code("UserAccounts") or catalog.collections[0]).description == 'Who may "sign" in.'
    assert "# two lines" in text
    assert "# loose has no key" in text


def test_what_a_draft_says_is_what_the_worker_reads(tmp_path: Path) -> None:
    url = databases.new_database(*POSTGRES)
    _, catalog = drafted(tmp_path, url)
    for collection in catalog.collections:
        assert len(exported(tmp_path, collection).rows) <= 1


NUMERICS = (
    """create table "n.s" (id bigint primary key, price numeric, average numeric, third numeric, odd numeric,
    large numeric, huge numeric(60,2), none numeric)""",
    """insert into "n.s" select i, i * 1.25, (i * 3.0)::numeric(40,16) / 2, i / 3.0,
    case i when 2 then 'NaN'::numeric else 1 end, 10::numeric ^ 35 + 0.1234, 1.25, null from generate_series(1, 3) i""",
)


def test_a_numeric_without_digits_takes_the_scale_of_its_values_or_is_text(tmp_path: Path) -> None:
    url = databases.new_database(*NUMERICS)
    text, catalog = drafted(tmp_path, url)
    advice = "text keeps every digit; or float, or decimal(38,S) with the scale S that you have"
    unfit = f"text # no scale up to 10 fits all values: {advice}"
    assert lines(text) == {
        "id": "integer",
        "price": "decimal(38,2) # guessed from the values",
        "average": "decimal(38,1) # guessed from the values",
        "third": unfit,
        "odd": unfit,
        "large": unfit,
        "huge": "decimal(38,2) # guessed from the values",
        "none": f"text # no values to guess from: {advice}",
    }
    spec = spec_of("sql", types(catalog, "NS"), relation=catalog.collections[0].relation)
    rows = read(PostgresSettings("shop", url), spec).rows
    assert sorted(row["third"] for row in rows) == [
        "0.33333333333333333333",
        "0.66666666666666666667",
        "1.00000000000000000000",
    ]


def test_a_table_that_may_not_be_read_is_drafted_all_the_same(tmp_path: Path) -> None:
    name = f"looker_{uuid.uuid4().hex}"
    url = databases.new_database(*NUMERICS, f"create role {name} login")
    try:
        text, _ = drafted(tmp_path, re.sub(r"//[^@/]*@", f"//{name}@", url))
        assert lines(text)["price"].startswith("text # no values to guess from")
    finally:
        databases.run(url, f"drop role {name}")


def test_one_table_of_one_schema(tmp_path: Path) -> None:
    url = databases.new_database(*POSTGRES)
    _, catalog = drafted(tmp_path, url, "--schema", "billing", "--table", "invoices")
    assert {c.relation.table for c in catalog.collections} == {"billing.invoices"}


@pytest.mark.parametrize(
    ("url", "arguments", "said"),
    [
        ("sqlite:///none.sqlite3", ["shop"], "cannot be read now"),
        ("nothing+at_all://x", ["shop"], "cannot be read now"),
        ("sqlite:///none.sqlite3", ["other"], "no source 'other'"),
        ("postgresql://me:hunter2@127.0.0.1:1/x", ["shop"], "cannot be read now"),
    ],
)
def test_what_cannot_be_drafted_is_said(tmp_path: Path, url: str, arguments: list[str], said: str) -> None:
    (tmp_path / "sources.toml").write_text(f'[sources.shop]\nkind = "sql"\nurl = "{url}"\n')
    out, err = io.StringIO(), io.StringIO()
    assert run(arguments, {"EXPORTD_SOURCES": str(tmp_path / "sources.toml")}, out, err) == 2
    assert said in err.getvalue()
    assert "hunter2" not in err.getvalue()
    assert out.getvalue() == ""
