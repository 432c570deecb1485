"""Drafts that can be exported as they are, whatever a database holds."""

import io
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from services.worker.sources.errors import SourceFailed
from services.worker.sources.introspect.command import run
from tests.integration.sources.drafts import drafted, exported, lines, of, types
from tests.servers import databases


def sqlite(directory: Path, script: str) -> str:
    with closing(sqlite3.connect(directory / "shop.sqlite3")) as connection, connection:
        connection.executescript(script)
    return "sqlite:///shop.sqlite3"


BEYOND = "whole numbers beyond 64 bits, of which SQLite keeps 15 to 17 digits"


def test_whole_numbers_beyond_64_bits_are_decimals(tmp_path: Path) -> None:
    script = """create table t (id integer primary key, ea unsigned big int, small unsigned big int);
        insert into t values (1, 18446708610539800576, 7), (2, 5, 8)"""
    text, catalog = drafted(tmp_path, sqlite(tmp_path, script))
    assert lines(text) == {"id": "integer", "ea": f"decimal(38,0) # {BEYOND}", "small": "integer"}
    rows = exported(tmp_path, of(catalog, "T")).rows
    assert [float(row["ea"]) for row in rows] == [18446708610539800576.0, 5]


def test_generated_columns_are_columns(tmp_path: Path) -> None:
    script = """create table t (id integer primary key, price real, twice real generated always as (price * 2) virtual,
        thrice real as (price * 3) stored); insert into t (id, price) values (1, 1.5)"""
    _, catalog = drafted(tmp_path, sqlite(tmp_path, script))
    assert exported(tmp_path, of(catalog, "T")).rows == [{"id": 1, "price": 1.5, "twice": 3.0, "thrice": 4.5}]


def test_names_of_any_script(tmp_path: Path) -> None:
    script = """
        create table "заказы" ("номер" integer primary key, "имя клиента" text, "クライアント" text, "नाम" text);
        create table "Straßen" (id integer primary key, "Größe (m)" real, "ŁÓDŹ" text, "n\u0303andu\u0301" text);
        insert into "заказы" values (1, 'Анна', 'a', 'b')"""
    _, catalog = drafted(tmp_path, sqlite(tmp_path, script))
    orders, streets = of(catalog, "Заказы"), of(catalog, "Strassen")
    assert (orders.path, [c.field for c in orders.columns]) == (
        "/заказы",
        ["номер", "имяКлиента", "クライアント", "नाम"],
    )
    assert [c.field for c in streets.columns] == ["id", "grosseM", "lodz", "nandu"]
    assert exported(tmp_path, orders).rows[0]["имяКлиента"] == "Анна"


def test_one_text_that_is_not_utf8_stops_no_draft(tmp_path: Path) -> None:
    script = """create table notes (id integer primary key, note text); create table t (id integer primary key);
        insert into notes values (1, 'plain'), (2, cast(x'4D6172ED61' as text)); insert into t values (1)"""
    text, catalog = drafted(tmp_path, sqlite(tmp_path, script))
    assert lines(text)["note"].startswith("text # holds a text that is not UTF-8, which ends an export; with invalid =")
    assert exported(tmp_path, of(catalog, "T")).matched == 1
    with pytest.raises(SourceFailed, match="VALUE_INVALID"):
        exported(tmp_path, of(catalog, "Notes"))


def test_what_cannot_be_read_of_a_database_is_named_and_the_rest_drafted(tmp_path: Path) -> None:
    script = "create table t (id integer primary key); create view broken as select * from gone;"
    text, catalog = drafted(tmp_path, sqlite(tmp_path, script))
    assert [c.code for c in catalog.collections] == ["T"]
    assert "# broken cannot be drafted: no such table: main.gone." in text


VIEWS = """
create table orders (orderId integer primary key, customer text);
create table lines (orderId integer, productId integer, amount integer, primary key (orderId, productId));
create view "Order Details" as
  select o.orderId, l.productId, customer, amount from orders o join lines l using (orderId);
create view totals as select customer, count(*) as n from orders group by customer;
create view numbers as select n as amount from totals;
insert into orders values (1, 'a'), (2, 'b'); insert into lines values (1, 1, 5), (1, 2, 5), (2, 1, 5);
"""


def test_a_view_gets_the_key_that_its_rows_fit_or_waits_for_one_in_a_comment(tmp_path: Path) -> None:
    text, catalog = drafted(tmp_path, sqlite(tmp_path, VIEWS))
    details = of(catalog, "OrderDetails")
    assert details.key == ("orderId", "productId")
    assert exported(tmp_path, details).matched == 3
    assert "# numbers has no key: name the columns that tell its rows apart" in text
    assert catalog.by_code("Numbers") is None
    completed = text.replace("# key = []", '# key = ["amount"]').replace("\n# ", "\n").replace("numbers has no", "#")
    assert '[collections.Numbers]\npath = "/numbers"' in completed
    assert '  { field = "amount", type = "integer", header = "Amount" },' in completed


@pytest.mark.parametrize(
    ("columns", "index", "key"),
    [
        ("no integer not null, at text", "no", ("no",)),
        ("no integer, at text", "no", ()),  # any number of rows may have no value
        ("no integer not null, at text", "no, at", ()),
        ("no integer not null, at text not null", "no, at", ("no", "at")),
        ("no integer not null, at text", "no, lower(at)", ()),
    ],
)
def test_a_unique_index_is_a_key_where_no_value_may_be_missing(
    tmp_path: Path, columns: str, index: str, key: tuple[str, ...]
) -> None:
    keyed = "create table keyed (id integer primary key)"
    _, catalog = drafted(
        tmp_path, sqlite(tmp_path, f"create table t ({columns}); {keyed}; create unique index one on t ({index})")
    )
    assert {c.key for c in catalog.collections if c.code == "T"} == ({key} if key else set())


def test_secrets_are_masked_and_not_what_is_only_about_them(tmp_path: Path) -> None:
    script = """create table staff (id integer primary key, password text, "apiKey" text, user_token blob, ssn int,
        password_changed_at timestamp, has_password boolean, secretary text, hash_of_file text, name text);
        insert into staff values (1, 'hunter2', 'k', x'00', 5, '2026-01-01 00:00:00', 1, 'Ann', 'ff', 'Bob')"""
    text, catalog = drafted(tmp_path, sqlite(tmp_path, script))
    masked = {c.name for c in of(catalog, "Staff").columns if c.mask}
    assert masked == {"password", "apiKey", "user_token", "ssn", "hash_of_file"}
    assert "# masked, as its name looks like a secret" in text
    (row,) = exported(tmp_path, of(catalog, "Staff")).rows
    assert (row["password"], row["userToken"], row["secretary"]) == ("***", "***", "Ann")


def test_a_key_that_looks_like_a_secret_is_masked_and_orders_the_rows(tmp_path: Path) -> None:
    script = """create table sessions (token text primary key, user int);
        insert into sessions values ('b', 1), ('a', 2);
        create table devices (secret blob primary key, user int)"""
    text, catalog = drafted(tmp_path, sqlite(tmp_path, script))
    rows = exported(tmp_path, of(catalog, "Sessions")).rows
    assert sorted((row["user"], row["token"]) for row in rows) == [(1, "***"), (2, "***")]
    assert "# masked, as its name looks like a secret; rows come in its order, as it is the key" in text
    assert catalog.by_code("Devices") is None
    assert "# devices has no key: name the columns" in text


def test_words_of_the_query_grammar_are_no_fields(tmp_path: Path) -> None:
    script = """create table books (id integer primary key, page int, "order" int, "Exists" int, properties text,
        "items per page" int, "limit" int); insert into books values (1, 2, 3, 1, 'p', 4, 5)"""
    _, catalog = drafted(tmp_path, sqlite(tmp_path, script))
    fields = [c.field for c in of(catalog, "Books").columns]
    renamed = ["booksPage", "booksOrder", "booksExists", "booksProperties", "booksItemsPerPage"]
    assert fields == ["id", *renamed, "limit"]
    assert exported(tmp_path, of(catalog, "Books")).matched == 1


def test_a_time_of_change_is_proposed(tmp_path: Path) -> None:
    script = """create table a (id integer primary key, created_at timestamp, updated_at timestamp);
        create table b (id integer primary key, password_changed_at timestamp, changed int);
        create table c (id integer primary key, "LastModifiedDate" datetime)"""
    text, catalog = drafted(tmp_path, sqlite(tmp_path, script))
    changed = {c.code: c.changed and c.changed.column.name for c in catalog.collections}
    assert changed == {"A": "updated_at", "B": None, "C": "LastModifiedDate"}
    assert text.count("# proposed") == 2


def test_names_of_a_schema(tmp_path: Path) -> None:
    url = databases.new_database(
        "create schema sales",
        "create table sales.orders (id int primary key)",
        "create table orders (id int primary key)",
        'create table sales."or.ders" (id int primary key)',
    )
    for asked, found in {
        "sales.orders": ["sales.orders"],
        "orders": ["orders", "sales.orders"],
        "public.orders": ["orders"],
        'sales."or.ders"': ['sales."or.ders"'],
        "or.ders": ['sales."or.ders"'],
    }.items():
        _, catalog = drafted(tmp_path, url, "--table", asked)
        assert [c.relation.table for c in catalog.collections] == found


ODD = (
    """create table t (id int primary key, took interval, waited interval, closes time, until timestamptz, day date,
    price numeric(10,2), rate numeric(10,2), cost money)""",
    """insert into t values
    (1, '1 month', '1 day 02:00', '17:00', 'infinity', '2026-01-01', 'NaN', 1.5, 92233720368547758.07)""",
    "insert into t values (2, '36:00:00', '5 seconds', '24:00', '2026-01-01Z', '0044-03-15 BC', 3.14, 2, 1)",
)


def test_values_that_only_postgresql_has_become_text(tmp_path: Path) -> None:
    text, catalog = drafted(tmp_path, databases.new_database(*ODD))
    assert lines(text) == {
        "id": "integer",
        "took": "text # holds months or years, which no duration has",
        "waited": "duration # a value of months or years would end an export; text takes it",
        "closes": "text # holds 24:00, which no time has",
        "until": "text # holds infinity or a year beyond 9999, which no timestamp has",
        "day": "text # holds infinity or a year beyond 9999, which no date has",
        "price": "text # holds NaN or infinity, which no decimal has",
        "rate": "decimal(10,2)",
        "cost": "decimal(19,2)",
    }
    first, second = exported(tmp_path, of(catalog, "T")).rows
    assert (first["took"], first["until"], first["price"]) == ("P1M", "infinity", "NaN")
    assert (second["closes"], second["day"]) == ("24:00:00", "0044-03-15 BC")


def test_a_view_that_fails_stops_no_draft(tmp_path: Path) -> None:
    url = databases.new_database(
        "create table t (id int primary key)",
        "insert into t values (1)",
        "create view broken as select id, 1.0 / (id - 1) as share from t",
        "create view fine as select id, 2.5 as share from t",
    )
    text, catalog = drafted(tmp_path, url)
    assert {c.code: c.key for c in catalog.collections} == {"T": ("id",), "Fine": ("id",), "Broken": ("id",)}
    assert "# broken: its values could not be looked at: " in text
    assert "division by zero" in text
    assert types(catalog, "Fine") == {"id": "integer", "share": "decimal(38,1)"}


def test_the_drivers_words_are_told(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text(
        '[sources.shop]\nkind = "sql"\nurl = "postgresql://me:hunter2@127.0.0.1:1/x"\n'
    )
    err = io.StringIO()
    assert run(["shop"], {"EXPORTD_SOURCES": str(tmp_path / "sources.toml")}, io.StringIO(), err) == 2
    assert "The source 'shop' cannot be read now." in err.getvalue()
    assert "refused" in err.getvalue()
    assert "hunter2" not in err.getvalue()


def test_a_column_that_is_null_in_the_first_rows_is_judged_by_its_later_values(tmp_path: Path) -> None:
    script = """create table t (id integer primary key, early numeric, late numeric);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 1500)
        insert into t select i, i, case when i > 1400 then i + 0.25 end from n"""
    text, _ = drafted(tmp_path, sqlite(tmp_path, script))
    assert lines(text)["late"] == "decimal(38,2) # guessed from the values"
    assert lines(text)["early"] == "decimal(38,0) # guessed from the values"
