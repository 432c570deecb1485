"""Every kind of source with the values of its table: one relation, with a column for each group of rows and the place
of each row as its id.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.contract.spec import Relation
from services.worker.sources.files.settings import CsvSettings, ParquetSettings
from services.worker.sources.kind import SourceSettings
from services.worker.sources.sql.mysql.settings import MysqlSettings
from services.worker.sources.sql.other.settings import OtherSqlSettings
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from tests.integration.matrix import parquet_rows
from tests.integration.matrix.rows import INVALID, Group, Row, across, columns, groups, table, unescaped
from tests.servers import databases, mariadb

INVALID_TEXTS = {"18446708610539800576": "18446708610539800576", "9e999": "inf", "0.000012": "0.000012"}
"""What messages have of reals that come as such, and not as texts of SQLite."""
NOT_UTF8 = "cast(x'4D6172ED61' as text)"


class Shelf(NamedTuple):
    """A source with a relation, and what is in it; without one, values are in the query."""

    settings: SourceSettings
    groups: Sequence[Group]
    stored: Relation | None = None

    def relation(self, names: Sequence[str]) -> Relation:
        """With these columns at least."""
        return self.stored or selects({name: group for name, group in columns(self.groups) if name in names})


def selects(groups_: Mapping[str, Group]) -> Relation:
    """A query with the values of groups in it, by their names."""
    names = list(groups_)
    rows = (
        f"select {place} as id, {', '.join(f'{sql} as {name}' for sql, name in zip(_cells(row), names, strict=True))}"
        for place, row in enumerate(across(groups_.values()))
    )
    return Relation(query="\nunion all ".join(rows))


def _cells(cells: Sequence[Row | None]) -> Iterator[str]:
    return (str(each.expression) if each else "null" for each in cells)


def postgres(_: Path, groups_: Sequence[Group]) -> Shelf:
    url = databases.new_database(
        "create type mood as enum ('so', 'so la')",
        "create domain positive as numeric check (value > 0)",
        "create type pair as (a int, b text)",
    )
    return Shelf(PostgresSettings("things", url), groups_)


def _sqlite_file(directory: Path) -> Path:
    (directory / "x.sqlite3").touch()
    return directory / "x.sqlite3"


def sqlite(directory: Path, groups_: Sequence[Group]) -> Shelf:
    return Shelf(SqliteSettings("things", _sqlite_file(directory)), groups_)


def sqlalchemy(directory: Path, groups_: Sequence[Group]) -> Shelf:
    return Shelf(OtherSqlSettings("things", f"sqlite+pysqlite:///{_sqlite_file(directory)}"), groups_)


def of_duckdb(directory: Path, groups_: Sequence[Group]) -> Shelf:
    file, relation = directory / "x.duckdb", selects(dict(columns(groups_)))
    with duckdb.connect(str(file)) as connection:
        described = connection.execute(f"describe {relation.query}").fetchall()
    stored = [type_ for _, type_, *_ in described[1:]]
    assert [pair for pair in zip(stored, (group.stored for group in groups_), strict=True) if len({*pair}) > 1] == []
    return Shelf(OtherSqlSettings("things", f"duckdb:///{file}"), groups_)


def mysql(_: Path, groups_: Sequence[Group]) -> Shelf:
    declared = ", ".join(f"{name} {_declared(group.stored)}" for name, group in columns(groups_))
    values = (", ".join([str(place), *_cells(cells)]) for place, cells in enumerate(across(groups_)))
    url = mariadb.new_database(
        "set time_zone = '+00:00', sql_mode = ''",
        f"create table t (id int primary key, {declared})",
        f"insert into t values ({'), ('.join(values)})",
    )
    return Shelf(MysqlSettings("things", url.replace("mysql:", "mysql+pymysql:")), groups_, Relation(table="t"))


def _declared(stored: str) -> str:
    """A timestamp that may be null must say so."""
    return f"{stored} null" if stored.startswith("timestamp") else stored


def csv(directory: Path, groups_: Sequence[Group]) -> Shelf:
    lines = [["id", *(name for name, _ in columns(groups_))]]
    lines += [
        [str(place), *(unescaped(each.expression) if each else "" for each in cells)]
        for place, cells in enumerate(across(groups_))
    ]
    (directory / "a.csv").write_bytes("".join(",".join(line) + "\r\n" for line in lines).encode())
    return Shelf(CsvSettings("things", directory), groups_, Relation(path="*.csv"))


def parquet(directory: Path, groups_: Sequence[Group]) -> Shelf:
    return _parquet(directory, groups_, _plain)


def parquet_int96(directory: Path, groups_: Sequence[Group]) -> Shelf:
    """With moments of 96 bits, which a file has all or none of."""
    return _parquet(directory, groups_, _numbered, use_deprecated_int96_timestamps=True)


def _parquet(directory: Path, groups_: Sequence[Group], array: Callable[[Group, int], Any], **options: Any) -> Shelf:
    rows = len(across(groups_))
    values = {name: array(group, rows) for name, group in columns(groups_)}
    ids = pa.array(range(rows), pa.int64())
    pq.write_table(pa.table({"id": ids, **values}), directory / "a.parquet", **options)
    return Shelf(ParquetSettings("things", directory), groups_, Relation(path="*.parquet"))


def _plain(group: Group, rows: int) -> Any:
    arrays = [row.expression for row in group.rows]
    return pa.concat_arrays([*arrays, pa.nulls(rows - len(arrays), arrays[0].type)])


def _numbered(group: Group, rows: int) -> Any:
    values = [row.expression.value for row in group.rows]
    first = group.rows[0].expression
    return pa.array([*values, *[None] * (rows - len(values))], first.numbered).cast(first.type)


LIKE_SQLITE = [
    replace(row, text=INVALID_TEXTS.get(row.expression, row.text)) if row.mark == INVALID else row
    for row in table("sqlite")
    if row.expression != "-0.0" and not row.expression.startswith("cast(x'")
]
"""But for what that driver makes something else of: it keeps the sign of nothing, and gives no text that is not
UTF-8.
"""
KINDS: Mapping[str, tuple[Callable[[Path, Sequence[Group]], Shelf], Sequence[Row]]] = {
    "csv": (csv, table("csv")),
    "duckdb": (of_duckdb, table("duckdb")),
    "mysql": (mysql, table("mysql")),
    "parquet": (parquet, parquet_rows.ROWS),
    "parquet-int96": (parquet_int96, parquet_rows.INT96),
    "postgres": (postgres, table("postgres")),
    "sqlalchemy": (sqlalchemy, LIKE_SQLITE),
    "sqlite": (sqlite, table("sqlite")),
}
PARAMETERS = [pytest.param(kind, marks=[mariadb.needed] if kind == "mysql" else []) for kind in KINDS]


def made(kind: str, directory: Path) -> Shelf:
    """The source of a kind."""
    make, rows = KINDS[kind]
    return make(directory, groups(rows))
