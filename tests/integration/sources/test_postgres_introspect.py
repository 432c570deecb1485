"""Drafts of catalogs from live databases: the api takes them as they are, and the worker reads by them."""

import io
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from services.api.catalog.file import load
from services.api.catalog.model import Catalog
from services.worker.introspect import run
from services.worker.sources.settings import SourceSettings
from tests.integration.sources.source_specs import read, spec_of
from tests.servers import databases

SQLITE = """
create table "Artist Names" (ArtistId integer primary key, Name nvarchar(120));
create table Album (AlbumId integer primary key, Title text not null, ArtistId integer not null
  references "Artist Names" (ArtistId), Price numeric(10,2), released datetime, "2nd side" blob, page int, odd int, x);
create table "page" ("order" integer, "Ñ1" date, "" text, unique ("order"));
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


def drafted(directory: Path, url: str, *arguments: str) -> tuple[str, Catalog]:
    (directory / "sources.toml").write_text(f'[sources.shop]\nkind = "sql"\nurl = "{url}"\n')
    out, err = io.StringIO(), io.StringIO()
    code = run(["shop", *arguments], {"EXPORTD_SOURCES": str(directory / "sources.toml")}, out, err)
    assert (code, err.getvalue()) == (0, "")
    (directory / "catalog.toml").write_text(out.getvalue())
    return out.getvalue(), load(directory / "catalog.toml")


def types(catalog: Catalog, code: str) -> dict[str, str]:
    collection = catalog.by_code(code)
    assert collection
    return {c.name: str(c.type) for c in collection.columns}


def test_a_draft_of_sqlite(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.sqlite3")) as connection, connection:
        connection.executescript(SQLITE)
    _, catalog = drafted(tmp_path, "sqlite:///shop.sqlite3")
    paths = [c.path for c in catalog.collections]
    assert paths == ["/artist-names/{artistId}/album", "/artist-names", "/latest", "/page", "/self"]
    expected = "integer text integer decimal(10,2) timestamp binary integer text float"
    assert " ".join(types(catalog, "Album").values()) == expected
    assert types(catalog, "Page") == {"order": "integer", "Ñ1": "text"}  # what has no name can't be exported
    assert types(catalog, "Latest") == types(catalog, "Album")


def test_a_draft_of_postgresql(tmp_path: Path) -> None:
    url = databases.new_database(*POSTGRES)
    text, catalog = drafted(tmp_path, url)
    assert {c.code: (c.path, c.key) for c in catalog.collections} == {
        "UserAccounts": ("/user-accounts", ("id",)),
        "Invoices": ("/invoices", ("id",)),
        "Invoices2": ("/user-accounts/{account}/invoices2", ("series", "number")),
    }
    expected = "text integer text decimal(9,2) timestamp json json decimal(38,10) text"
    assert " ".join(types(catalog, "Invoices2").values()) == expected
    assert (catalog.by_code("UserAccounts") or catalog.collections[0]).description == 'Who may "sign" in.'
    assert "# two lines" in text
    assert "# loose has no key" in text


def test_what_a_draft_says_is_what_the_worker_reads(tmp_path: Path) -> None:
    url = databases.new_database(*POSTGRES)
    _, catalog = drafted(tmp_path, url)
    for collection in catalog.collections:
        columns = {c.name: str(c.type) for c in collection.columns}
        order = tuple(t.term for t in collection.order)
        spec = spec_of("sql", columns, relation=collection.relation, order=order)
        assert len(read(SourceSettings("shop", "sql", tmp_path, url), spec).rows) <= 1


def test_one_table_of_one_schema(tmp_path: Path) -> None:
    url = databases.new_database(*POSTGRES)
    _, catalog = drafted(tmp_path, url, "--schema", "billing", "--table", "invoices")
    assert [c.relation.table for c in catalog.collections] == ["billing.invoices"]


@pytest.mark.parametrize(
    ("url", "arguments", "said"),
    [
        ("sqlite:///none.sqlite3", ["shop"], "cannot be read now"),
        ("duckdb:///x", ["shop"], "Only SQLite and PostgreSQL"),
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
