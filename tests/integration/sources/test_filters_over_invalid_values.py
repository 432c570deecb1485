"""A value that is not of its column's type stops an export only where it depends on it whether its row matches."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.contract.spec import All, AnyOf, ColumnType, Filter, Invalid, Kind, Operator, Term
from services.worker.sources.errors import SourceFailed
from services.worker.sources.files.settings import CsvSettings, ParquetSettings
from services.worker.sources.kind import SourceSettings
from services.worker.sources.sql.other.settings import OtherSqlSettings
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from tests.integration.sources.source_specs import read, spec_of
from tests.servers import databases
from tests.tiers import deep_but

VALUES = (("1", "5", "2026-01-01"), ("2", "x", "2026-01-02"), ("3", "7", "soon"), ("4", None, None))
TABLE = (
    "create table t (id varchar(9), n varchar(9), d varchar(20))",
    "insert into t values " + ", ".join(str(row).replace("None", "null") for row in VALUES),
)
N, D = ColumnType(Kind.INTEGER), ColumnType(Kind.DATE)
TEXT = ColumnType(Kind.TEXT)


def sqlite(directory: Path) -> SourceSettings:
    with closing(sqlite3.connect(directory / "a")) as connection, connection:
        for statement in TABLE:
            connection.execute(statement)
    return SqliteSettings("things", directory / "a")


def other(directory: Path) -> SourceSettings:
    sqlite(directory)
    return OtherSqlSettings("things", f"sqlite+pysqlite:///{directory}/a")


def of_duckdb(directory: Path) -> SourceSettings:
    with duckdb.connect(str(directory / "a")) as connection:
        for statement in TABLE:
            connection.execute(statement)
    return OtherSqlSettings("things", f"duckdb:///{directory}/a")


def parquet(directory: Path) -> SourceSettings:
    columns = dict(zip(("id", "n", "d"), map(list, zip(*VALUES, strict=True)), strict=True))
    pq.write_table(pa.table(columns), directory / "a.parquet")
    return ParquetSettings("things", directory)


def csv(directory: Path) -> SourceSettings:
    lines = (",".join(value or "" for value in row) for row in (("id", "n", "d"), *VALUES))
    (directory / "a.csv").write_text("\n".join(lines) + "\n")
    return CsvSettings("things", directory)


KINDS: Mapping[str, Callable[[Path], SourceSettings]] = {
    "sqlite": sqlite,
    "postgres": lambda _: PostgresSettings("things", databases.new_database(*TABLE)),
    "duckdb": of_duckdb,
    "other": other,
    "parquet": parquet,
    "csv": csv,
}


@pytest.fixture(scope="module", params=deep_but(KINDS, "sqlite", "csv"))
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SourceSettings:
    return KINDS[request.param](tmp_path_factory.mktemp("invalid"))


def of_id(*ids: str) -> Term:
    return Term("id", TEXT, Operator.EQUALS, ids)


def above(number: int, **more: bool) -> Term:
    return Term("n", N, Operator.GREATER, (number,), **more)


def since(day: str) -> Term:
    return Term("d", D, Operator.GREATER_OR_EQUAL, (date.fromisoformat(day),))


PASSED = [
    (All((of_id("1", "3", "4"), above(4))), ["1", "3"]),
    (All((above(4), of_id("1", "3"))), ["1", "3"]),
    (AnyOf((of_id("2"), above(6))), ["2", "3"]),
    (All((since("2026-01-01"), of_id("1", "2"))), ["1", "2"]),
    (All((AnyOf((of_id("2"), above(6))), AnyOf((of_id("3"), since("2026-01-02"))))), ["2", "3"]),
    (All((of_id("4", "1"), above(6, or_null=True))), ["4"]),
    (All((Term("n", N, Operator.IS_NOT_NULL, ()), of_id("2"))), ["2"]),
    (Term("n", N, Operator.IS_NOT_NULL, ()), ["1", "2", "3"]),
    (Term("n", N, Operator.GREATER, (4,), invalid=Invalid.NULL), ["1", "3"]),
]
OF_N = "Column 'n', which the filter compares, holds a value that is not integer: 'x', where id is '2'."
OF_D = "Column 'd', which the filter compares, holds a value that is not date: 'soon', where id is '3'."
UNDECIDABLE = [
    (above(4), OF_N),
    (All((of_id("2"), above(4))), OF_N),
    (AnyOf((of_id("1"), above(100))), OF_N),
    (All((above(4), since("2026-01-01"), of_id("3"))), OF_D),
]


@pytest.mark.parametrize(("filter_", "ids"), PASSED)
def test_where_nothing_depends_on_it_it_is_passed_over(source: SourceSettings, filter_: Filter, ids: list[str]) -> None:
    done = read(source, spec_of(source.kind, {"id": "text"}, filter=filter_))
    assert ([row["id"] for row in done.rows], done.matched) == (ids, len(ids))


@pytest.mark.parametrize("columns", [("id",), ("n", "d")])
@pytest.mark.parametrize(("filter_", "message"), UNDECIDABLE)
def test_where_the_match_depends_on_it_it_is_refused_with_the_value_and_the_key(
    source: SourceSettings, filter_: Filter, message: str, columns: Sequence[str]
) -> None:
    with pytest.raises(SourceFailed, match=r"^VALUE_INVALID") as failed:
        read(source, spec_of(source.kind, dict.fromkeys(columns, "text"), filter=filter_))
    assert failed.value.message == message


def test_an_invalid_value_of_the_file_is_refused_with_the_key(source: SourceSettings) -> None:
    with pytest.raises(SourceFailed, match=r"row 2 .* not integer: 'x', where id is '2'"):
        read(source, spec_of(source.kind, {"n": "integer"}))


def test_what_is_secret_is_in_no_message(source: SourceSettings) -> None:
    asked = spec_of(source.kind, {"n": "text"}, filter=above(4))
    for secret, message in (("N", OF_N.partition(":")[0] + "."), ("ID", OF_N)):
        with pytest.raises(SourceFailed) as failed:
            read(source, replace(asked, secret=(secret,)))
        assert failed.value.message == message.replace(", where id is '2'", "")
