"""Rows and drafts of MariaDB: types, time zones, one snapshot, the order of characters, keys."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.contract.outcome import Consistency
from services.contract.spec import Limits, Operator, OrderTerm, Relation, Term
from services.worker.sources.errors import SourceFailed
from services.worker.sources.sql.mysql.settings import MysqlSettings
from tests.integration.sources.drafts import drafted, exported, lines, of
from tests.integration.sources.source_specs import opened, read, spec_of, type_of
from tests.servers import mariadb
from tests.tiers import deep

pytestmark = mariadb.needed

KINDS = (
    """create table kinds (id int primary key, tiny tinyint, flag tinyint(1), big bigint, ubig bigint unsigned,
    price decimal(38,10), wide decimal(65,2), f float, d double, bit1 bit(1), bits bit(12), y year, day date,
    at datetime(6), moment timestamp(6) null, t time(6), long_time time, vc varchar(50),
    latin varchar(50) charset latin1, txt longtext, en enum('b','a'), st set('x','y'), bin varbinary(10), bl blob,
    js json, zero date, u uuid, g point)""",
    """insert into kinds values (1, -128, 1, -9223372036854775808, 18446744073709551615,
    -1234567890123456789012345678.0123456789, 123456789012345678901234567890123456789012.5, 11.4,
    0.1, b'1', b'101010101010', 2026, '9999-12-31', '2026-01-01 10:00:00.123456', '2026-01-01 10:00:00.123456',
    '23:59:59.999999', '-838:59:59', 'Ñandú 😀', 'ñ', 'it''s \\\\ %s % "x"', 'a', 'x,y', x'00ff', x'00ff',
    '{"a": 1.50}', '2026-01-01', '7b0e5c4e-0000-4000-8000-000000000001', point(1, 2))""",
    "insert into kinds (id) values (2)",
)


def settings(*statements: str, **changes: Any) -> MysqlSettings:
    url = mariadb.new_database(*statements).replace("mysql://", "mysql+pymysql://")
    return MysqlSettings("things", url, **changes)


def test_a_draft_can_be_exported_and_every_value_is_what_it_was(tmp_path: Path) -> None:
    text, catalog = drafted(tmp_path, mariadb.new_database("set time_zone = '+00:00'", *KINDS))
    found = {field: line.partition(" #")[0] for field, line in lines(text).items()}
    assert " ".join(found.values()) == (
        "integer integer boolean integer decimal(20,0) decimal(38,10) text float float boolean integer integer date"
        " timestamp timestamp time duration text text text text text binary binary json date text binary"
    )
    row, nulls = exported(tmp_path, of(catalog, "Kinds")).rows
    assert {name: value for name, value in nulls.items() if value is not None} == {"id": 2}
    assert row | {"g": b""} == {
        "id": 1,
        "tiny": -128,
        "flag": True,
        "big": -(2**63),
        "ubig": Decimal(2**64 - 1),
        "price": Decimal("-1234567890123456789012345678.0123456789"),
        "wide": "123456789012345678901234567890123456789012.50",
        "f": 11.4,
        "d": 0.1,
        "bit1": True,
        "bits": 0b101010101010,
        "y": 2026,
        "day": date(9999, 12, 31),
        "at": datetime(2026, 1, 1, 10, 0, 0, 123456, UTC),
        "moment": datetime(2026, 1, 1, 10, 0, 0, 123456, UTC),
        "t": time(23, 59, 59, 999999),
        "longTime": -timedelta(hours=838, minutes=59, seconds=59),
        "vc": "Ñandú 😀",
        "latin": "ñ",
        "txt": 'it\'s \\ %s % "x"',
        "en": "a",
        "st": "x,y",
        "bin": b"\0\xff",
        "bl": b"\0\xff",
        "js": '{"a": 1.50}',
        "zero": date(2026, 1, 1),
        "u": "7b0e5c4e-0000-4000-8000-000000000001",
        "g": b"",
    }


@deep
def test_what_no_type_of_the_catalog_has_is_text_in_a_draft(tmp_path: Path) -> None:
    url = mariadb.new_database(
        "create table t (id int primary key, d date, at datetime, small bigint unsigned, b tinyint(1), n tinyint(1))",
        "set sql_mode = ''",
    )
    mariadb.run(url.partition("?")[0].rpartition("/")[2], "set sql_mode = ''", ZEROS)
    text, catalog = drafted(tmp_path, url)
    assert lines(text) == {
        "id": "integer",
        "d": "text # holds 0000-00-00, which no date is",
        "at": "text # holds 2026-00-01 00:00:00, which no timestamp is",
        "small": "integer # a value beyond 64 bits would end an export; decimal(20,0) takes it",
        "b": "boolean",
        "n": "integer",
    }
    assert exported(tmp_path, of(catalog, "T")).rows[0]["d"] == "0000-00-00"
    with pytest.raises(SourceFailed, match="VALUE_INVALID"):
        read(MysqlSettings("things", url.replace("mysql:", "mysql+pymysql:")), spec_of("sql", {"d": "date"}))


ZEROS = "insert into t values (1, '0000-00-00', '2026-00-01', 5, 1, 7)"


def test_keys_links_views_and_schemas(tmp_path: Path) -> None:
    url = mariadb.new_database(
        "create table customers (id int primary key, email varchar(100) not null comment 'where to\\nwrite', pwd text)",
        """create table invoices (no int not null, customer int not null, updated_at timestamp, `order` int,
        doubled int generated always as (no * 2) virtual, unique (no), foreign key (customer) references customers (id))
        comment = 'What they owe'""",
        "create table keyless (a int, b int, unique (a))",
        "create view totals as select customer as customer_id, count(*) as n from invoices group by customer",
        "insert into customers values (1, 'a@b', 'x')",
        "insert into invoices (no, customer) values (1, 1), (2, 1)",
    )
    text, catalog = drafted(tmp_path, url)
    assert {c.code: (c.path, c.key) for c in catalog.collections} == {
        "Customers": ("/customers", ("id",)),
        "Invoices": ("/invoices", ("no",)),
        "InvoicesByCustomer": ("/customers/{customer}/invoices", ("no",)),
        "Totals": ("/totals", ("customer_id",)),
    }
    assert "# keyless has no key" in text
    assert "# where to write" in text
    assert [c.name for c in of(catalog, "Customers").columns if c.mask] == ["pwd"]
    assert of(catalog, "Invoices").description == "What they owe"
    changed = of(catalog, "Invoices").changed
    assert changed
    assert changed.column.field == "updatedAt"
    assert [row["doubled"] for row in exported(tmp_path, of(catalog, "Invoices")).rows] == [2, 4]
    schema = url.partition("?")[0].rpartition("/")[2]
    other = mariadb.new_database("create table other_t (id int primary key)")
    _, catalog = drafted(tmp_path, other, "--table", f"{schema}.customers")
    assert [c.relation.table for c in catalog.collections] == [f"{schema}.customers"]
    assert exported(tmp_path, of(catalog, "Customers")).matched == 1


WORDS = ["a", "A", "ä", "b", "a ", "Z", "ñ", "n", "😀", "\ue000"]


@deep
@pytest.mark.parametrize("charset", ["utf8mb4", "latin1"])
def test_texts_are_ordered_and_compared_by_their_characters(charset: str) -> None:
    words = [word for word in WORDS if charset == "utf8mb4" or word.encode("latin1", "ignore")]
    values = ", ".join(
        f"({i}, {'null' if word is None else chr(39) + word + chr(39)})" for i, word in enumerate([*words, None])
    )
    source = settings(
        f"create table t (id int primary key, v varchar(10) charset {charset})", f"insert into t values {values}"
    )
    columns = {"id": "integer", "v": "text"}
    order = (OrderTerm("v", descending=True, nulls_first=True), OrderTerm("id"))
    rows = read(source, spec_of("sql", columns, order=order)).rows
    assert [row["v"] for row in rows] == [None, *sorted(words, reverse=True)]
    for word in ("a", "A", "ñ", "a ", "заказ", "' or 1 = 1 -- "):
        term = Term("v", type_of("text"), Operator.EQUALS, (word,))
        assert [r["v"] for r in read(source, spec_of("sql", columns, filter=term)).rows] == [
            w for w in words if w == word
        ]


def test_numbers_and_times_are_compared_exactly() -> None:
    source = settings(
        "set time_zone = '+00:00'",
        "create table t (id int primary key, n decimal(20,4), f float, at timestamp(6) null, d datetime)",
        """insert into t values (1, 1.0001, 11.4, '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
        (2, 1.0002, 0.1, '2026-01-01 00:00:00.000001', '2026-01-01 00:00:01'), (3, null, null, null, null)""",
    )
    midnight = datetime(2026, 1, 1, tzinfo=UTC)
    for column, type_, operator, value, ids in [
        ("n", "decimal(20,4)", Operator.GREATER, Decimal("1.0001"), [2]),
        ("n", "decimal(20,4)", Operator.EQUALS, Decimal("1.0001"), [1]),
        ("f", "float", Operator.EQUALS, 11.4, [1]),
        ("f", "float", Operator.LESS, float("inf"), [1, 2]),
        ("at", "timestamp", Operator.LESS_OR_EQUAL, midnight, [1]),
        ("d", "timestamp", Operator.GREATER, midnight, [2]),
    ]:
        term = Term(column, type_of(type_), operator, (value,))
        assert [row["id"] for row in read(source, spec_of("sql", {"id": "integer"}, filter=term)).rows] == ids, column
    nulls = Term("n", type_of("decimal(20,4)"), Operator.IS_NULL, ())
    assert [row["id"] for row in read(source, spec_of("sql", {"id": "integer"}, filter=nulls)).rows] == [3]


def test_datetimes_are_of_the_sources_zone_and_timestamps_of_none() -> None:
    source = settings(
        "set time_zone = '+00:00'",
        "create table t (id int primary key, at datetime, moment timestamp)",
        "insert into t values (1, '2026-07-01 10:00:00', '2026-07-01 10:00:00')",
        time_zone="America/New_York",
    )
    (row,) = read(source, spec_of("sql", {"at": "timestamp", "moment": "timestamp"})).rows
    assert (row["at"].astimezone(UTC).hour, row["moment"].astimezone(UTC).hour) == (14, 10)


def test_a_reading_is_of_one_moment() -> None:
    source = settings(
        "create table t (id int primary key, v text) engine = innodb",
        "insert into t select seq, repeat('x', 100) from seq_1_to_40000",
    )
    database = source.url.partition("?")[0].rpartition("/")[2]
    with opened(source, spec_of("sql", {"id": "integer", "v": "text"})) as reading:
        batches = reading.batches()
        rows = next(batches).num_rows
        mariadb.run(database, "insert into t values (50000, 'late')", "delete from t where id > 30000 and id < 50000")
        rows += sum(batch.num_rows for batch in batches)
        assert (rows, reading.rows_matched(), reading.consistency) == (40_000, 40_000, Consistency.SNAPSHOT)


def test_queries_with_colons_percents_and_names_with_backticks() -> None:
    source = settings(
        "create table `t%s``` (`id` int primary key, `a%d``b` text)", "insert into `t%s``` values (1, 'x')"
    )
    named = spec_of("sql", {"id": "integer", "a%d`b": "text"}, relation=Relation(table="t%s`"))
    assert read(source, named).rows == [{"id": 1, "a%d`b": "x"}]
    query = "select id, ':p %s 12:30' as v from `t%s```;"
    assert read(source, spec_of("sql", {"v": "text"}, relation=Relation(query=query))).rows == [{"v": ":p %s 12:30"}]


def failure(source: MysqlSettings, **changes: Any) -> SourceFailed:
    with pytest.raises(SourceFailed) as failed:
        read(source, replace(spec_of("sql", {"id": "integer"}), **changes))
    return failed.value


def test_what_cannot_be_read() -> None:
    source = settings("create table t (id int primary key, v varbinary(9))", "insert into t values (1, x'ff')")
    assert failure(source, relation=Relation(table="nope")).code == "RELATION_MISSING"
    assert failure(source, relation=Relation(query="select 1 as x")).code == "COLUMN_MISSING"
    slow = "select seq as id from seq_1_to_1000000 where sleep(0.001) = 0"
    assert failure(source, relation=Relation(query=slow), limits=Limits(max_snapshot_s=1)).code == "READING_TOO_LONG"
    with pytest.raises(SourceFailed, match="VALUE_INVALID"):
        read(source, spec_of("sql", {"v": "text"}))
    absent = replace(source, url="mysql+pymysql://me:hunter2@127.0.0.1:1/db")
    assert (failed := failure(absent)).code == "SOURCE_UNAVAILABLE"
    assert "hunter2" not in f"{failed} {failed.__cause__}"
