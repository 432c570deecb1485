"""A column that the catalog names and the source lacks is told by its name, whatever it is for, by every kind."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.contract.formats import Format
from services.contract.spec import (
    AttachmentSpec,
    ColumnSpec,
    ColumnType,
    JobSpec,
    Kind,
    Mask,
    Operator,
    OrderTerm,
    SourceRef,
    TableOptions,
    Term,
)
from services.worker.ports import Frame
from services.worker.sources.errors import SourceFailed
from services.worker.sources.files.settings import CsvSettings, ParquetSettings
from services.worker.sources.kind import SourceSettings
from services.worker.sources.sources import Sources
from services.worker.sources.sql.mysql.settings import MysqlSettings
from services.worker.sources.sql.other.settings import OtherSqlSettings
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from tests.integration.sources.source_specs import read, spec_of
from tests.servers import databases, mariadb
from tests.tiers import deep_but

TABLE = ("create table t (id varchar(9), v varchar(9))", "insert into t values ('a', 'x')")
TEXT = ColumnType(Kind.TEXT)
GONE = "gone"


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


def of_mariadb(_: Path) -> SourceSettings:
    url = mariadb.new_database(*TABLE)
    return MysqlSettings("things", url.replace("mysql://", "mysql+pymysql://"))


def parquet(directory: Path) -> SourceSettings:
    pq.write_table(pa.table({"id": ["a"], "v": ["x"]}), directory / "a.parquet")
    return ParquetSettings("things", directory)


def csv(directory: Path) -> SourceSettings:
    (directory / "a.csv").write_text("id,v\na,x\n")
    return CsvSettings("things", directory)


KINDS: Mapping[str, Callable[[Path], SourceSettings]] = {
    "sqlite": sqlite,
    "postgres": lambda _: PostgresSettings("things", databases.new_database(*TABLE)),
    "duckdb": of_duckdb,
    "other": other,
    "parquet": parquet,
    "csv": csv,
}
USES: Mapping[str, Callable[[JobSpec], JobSpec]] = {
    "shown": lambda spec: replace(spec, columns=(*spec.columns, ColumnSpec(GONE, GONE, GONE, TEXT))),
    "masked": lambda spec: replace(spec, columns=(*spec.columns, ColumnSpec(GONE, GONE, GONE, TEXT, Mask.REDACT))),
    "key": lambda spec: replace(spec, key=(GONE,)),
    "part of the key": lambda spec: replace(spec, key=("id", GONE)),
    "secret key": lambda spec: replace(spec, key=(GONE,), secret=(GONE,)),
    "order": lambda spec: replace(spec, order=(OrderTerm(GONE),)),
    "filter": lambda spec: replace(spec, filter=Term(GONE, TEXT, Operator.EQUALS, ("x",))),
    "null": lambda spec: replace(spec, filter=Term(GONE, TEXT, Operator.IS_NULL, ())),
    "attachment": lambda spec: replace(
        spec, attachments=(AttachmentSpec("a", SourceRef("files", "folder"), "{gone}/{id}"),)
    ),
}


@pytest.fixture(
    scope="module", params=deep_but([*KINDS, pytest.param("mariadb", marks=mariadb.needed)], "postgres", "csv")
)
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SourceSettings:
    return {**KINDS, "mariadb": of_mariadb}[request.param](tmp_path_factory.mktemp("columns"))


def ways(source: SourceSettings) -> list[JobSpec]:
    """Of reading everything that is there: PostgreSQL writes lines of CSV itself, others read alike for any format."""
    of = spec_of(source.kind, {"id": "text", "v": "text"}, order=())
    formats = (Format.CSV, Format.JSONL) if isinstance(source, PostgresSettings) else (Format.CSV,)
    return [replace(of, table=TableOptions(format_)) for format_ in formats]


@pytest.mark.parametrize("use", USES)
def test_a_column_that_is_not_there(source: SourceSettings, use: str) -> None:
    for of in ways(source):
        if "key" in use and source.kind in ("parquet", "csv"):  # their rows have a place, which tells them apart
            assert taken(source, USES[use](of)) == 1
        else:
            with pytest.raises(SourceFailed, match=r"^COLUMN_MISSING: The source 'things' lacks: gone\."):
                taken(source, USES[use](of))


def test_without_it_everything_is_there(source: SourceSettings) -> None:
    assert [taken(source, of) for of in ways(source)] == [1 for _ in ways(source)]


def taken(source: SourceSettings, spec: JobSpec) -> int:
    """How many rows an export takes, by the way that it would take them."""
    with Sources({"things": source}).open_lines(spec) as lines:
        if lines:
            return sum(part.columns.height if isinstance(part, Frame) else part.rows for part in lines.lines())
    return read(source, spec).matched
