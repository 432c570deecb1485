"""Drafts of databases that are read through SQLAlchemy: DuckDB by its catalog, others by SQLAlchemy's inspection."""

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from services.contract.spec import Relation
from services.worker.sources.errors import SourceFailed
from services.worker.sources.sql.other.settings import OtherSqlSettings
from tests.integration.sources.drafts import drafted, exported, lines, of
from tests.integration.sources.source_specs import read, spec_of

DUCKDB = """
create table customers (id integer primary key, name varchar);
create table invoices (no bigint primary key, customer integer references customers (id), total decimal(9,2),
  updated_at timestamptz, big ubigint, sum hugeint, months interval, tags varchar[], who struct(a integer), born date);
comment on column invoices.total is 'with tax';
create view totals as select customer as customer_id, sum(no) as n from invoices group by 1;
create view broken as select 1 as id, error('no way')::date as d;
create schema sales; create table sales.orders (id integer primary key, "a.b" integer);
create table "dot.ted" (id integer primary key);
insert into customers values (1, 'Ann');
insert into invoices values (1, 1, 9.90, '2026-01-01 00:00:00Z', 18446744073709551615, 5, interval '1 month', ['x'],
  {'a': 1}, '2026-01-01');
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(DUCKDB)
    return f"duckdb:///{tmp_path}/shop.duckdb"


def test_a_draft_of_duckdb(tmp_path: Path, url: str) -> None:
    text, catalog = drafted(tmp_path, url)
    assert {c.code: (c.relation.table, c.key) for c in catalog.collections} == {
        "Broken": ("broken", ("id",)),
        "Customers": ("customers", ("id",)),
        "Invoices": ("invoices", ("no",)),
        "InvoicesByCustomer": ("invoices", ("no",)),
        "Orders": ("sales.orders", ("id",)),
        "Totals": ("totals", ("customer_id",)),
    }
    found = lines(text)
    assert found["total"] == "decimal(9,2) # with tax"
    assert found["months"] == "text # holds months or years, which no duration has"
    assert " ".join(found[name].partition(" ")[0] for name in ("big", "sum", "tags", "who", "born")) == (
        "decimal(20,0) decimal(38,0) json json date"
    )
    assert "# broken: its values could not be looked at: " in text
    assert "# dot.ted cannot be drafted: its name has a dot: read it with a query." in text
    changed = of(catalog, "Invoices").changed
    assert changed
    assert changed.column.field == "updatedAt"


def test_what_a_draft_of_duckdb_says_is_read(tmp_path: Path, url: str) -> None:
    _, catalog = drafted(tmp_path, url, "--table", "customers")
    assert exported(tmp_path, of(catalog, "Customers")).rows == [{"id": 1, "name": "Ann"}]
    _, catalog = drafted(tmp_path, url, "--table", "sales.orders")
    assert [c.relation for c in catalog.collections] == [Relation(table="sales.orders")]


def test_a_duckdb_file_is_only_read(tmp_path: Path, url: str) -> None:
    source = OtherSqlSettings("things", f"duckdb:///{tmp_path}/none.duckdb")
    with pytest.raises(SourceFailed, match="SOURCE_UNAVAILABLE"):
        read(source, spec_of("sql", {"id": "integer"}))
    assert not (tmp_path / "none.duckdb").exists()
    before = (tmp_path / "shop.duckdb").read_bytes()
    drafted(tmp_path, url)
    assert (tmp_path / "shop.duckdb").read_bytes() == before


def test_a_draft_by_sqlalchemys_inspection(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.sqlite3")) as connection, connection:
        connection.executescript("""
            create table customers (id integer primary key, born date, at datetime, price numeric(9,2), any numeric,
              share float, flag boolean, raw json, b blob, name varchar(9));
            create table invoices (no integer not null, customer integer references customers (id));
            create unique index one on invoices (no);
            create view totals as select customer as customer_id, count(*) as n from invoices group by 1;
            insert into invoices values (1, 1);
        """)
    text, catalog = drafted(tmp_path, f"sqlite+pysqlite:///{tmp_path}/shop.sqlite3")
    assert {c.code: c.key for c in catalog.collections} == {
        "Customers": ("id",),
        "Invoices": ("no",),
        "InvoicesByCustomer": ("no",),
        "Totals": ("customer_id",),
    }
    assert [str(c.type) for c in of(catalog, "Customers").columns] == [
        *("integer", "date", "timestamp", "decimal(9,2)", "text", "float", "boolean", "json", "binary", "text"),
    ]
    assert "# a number of any digits" in text
    assert exported(tmp_path, of(catalog, "Invoices")).rows == [{"no": 1, "customer": 1}]
