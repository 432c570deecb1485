"""Numbers of more digits than a float has in columns of type float: the nearest one, counted, from every source."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from services.contract.codes import WarningCode
from services.contract.spec import ColumnType, Kind, Operator, Page, Term
from services.worker.sources.http.items import array, decoded
from services.worker.sources.rows.parse import beyond_doubles
from services.worker.sources.sql.mysql.settings import MysqlSettings
from services.worker.sources.sql.other.settings import OtherSqlSettings
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from tests.integration.sources.source_specs import Read, read, spec_of
from tests.servers import mariadb

FAR = 2**53 + 1
ROWS = [(1, FAR), (2, 2**53), (3, FAR + 1), (4, -FAR), (5, None), (6, 2**63 - 1), (7, -(2**63))]
ROUNDED = 3


def counted(done: Read) -> int:
    return sum(w.count for w in done.warnings if w.code is WarningCode.LONG_NUMBER_ROUNDED)


def table(directory: Path) -> Path:
    with closing(sqlite3.connect(directory / "a")) as connection, connection:
        connection.execute("create table t (id integer primary key, v integer)")
        connection.executemany("insert into t values (?, ?)", ROWS)
    return directory / "a"


def test_databases_without_types_of_arrow(tmp_path: Path) -> None:
    file = table(tmp_path)
    for settings in (SqliteSettings("things", file), OtherSqlSettings("things", f"sqlite+pysqlite:///{file}")):
        done = read(settings, spec_of("sql", {"v": "float"}))
        assert [row["v"] for row in done.rows] == [None if v is None else float(v) for _, v in ROWS]
        assert counted(done) == ROUNDED


@mariadb.needed
def test_mariadb() -> None:
    values = ", ".join(f"({id_}, {'null' if v is None else v})" for id_, v in ROWS)
    url = mariadb.new_database("create table t (id int primary key, v bigint)", f"insert into t values {values}")
    settings = MysqlSettings("things", url.replace("mysql://", "mysql+pymysql://"))
    assert counted(read(settings, spec_of("sql", {"v": "float"}))) == ROUNDED


def test_only_what_is_in_the_file_is_counted(tmp_path: Path) -> None:
    settings = OtherSqlSettings("things", f"sqlite+pysqlite:///{table(tmp_path)}")
    spec = spec_of("sql", {"v": "float"})
    first = replace(spec, filter=Term("id", ColumnType(Kind.INTEGER), Operator.LESS, (4,)))
    assert counted(read(settings, first)) == 1
    assert counted(read(settings, replace(spec, page=Page(1, 2)))) == 0


@pytest.mark.parametrize(
    ("number", "rounded"),
    [
        ("9007199254740993", True), ("9007199254740993.0", True), ("-9007199254740993", True),
        ("9007199254740992", False), ("9007199254740992.0", False), ("1e22", False), ("1e23", False),
        ("0.1", False), ("1" * 30, True), ("0.12345678901234567891", True), ("0.30000000000000004", False),
        ("-9007199254740992.5", True), ("1e-400", True), ("5e-324", False), ("1.50000000000000000000000", False),
        ("0.1000000000000000055511151231257827021181583404541015625", False),
    ],
)  # fmt: skip
def test_numbers_of_json(number: str, rounded: bool) -> None:
    values = decoded(f"[{number}, 1, 2.5, null]".encode())
    lost = beyond_doubles(array(values, ColumnType(Kind.FLOAT)))
    assert bool(lost is not None and lost[0].as_py()) == rounded
