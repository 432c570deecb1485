"""The rows of the model in every engine, stored in each way that occurs."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from services.worker.schema import arrow_type
from services.worker.sources.files.settings import CsvSettings
from services.worker.sources.kind import SourceSettings
from services.worker.sources.sql.other.settings import OtherSqlSettings
from services.worker.sources.sql.postgres.settings import PostgresSettings
from tests.integration.sources.filter_model import ROWS, TYPES
from tests.integration.sources.source_specs import settings_of, type_of
from tests.servers import databases

LIMA = timezone(timedelta(hours=-5))


def plain(value: Any) -> Any:
    """As an application would put it into a database that knows neither dates nor decimals."""
    if isinstance(value, datetime):
        return f"{value.date().isoformat()}T{value:%H:%M:%S.%fZ}"
    return value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, Decimal) else value


def awkward(value: Any) -> Any:
    """As several applications would, each in its own way."""
    if isinstance(value, datetime):
        local = value.astimezone(LIMA) if value.year > 1 and value.microsecond else value
        return local.isoformat(" ")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    return str(value) if isinstance(value, int) and value % 2 else plain(value)


def _sqlite(directory: Path, declared: str, stored: Callable[[Any], Any]) -> Path:
    path = directory / "things.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"create table t ({declared})")
        marks = ", ".join("?" * len(TYPES))
        rows = ([stored(v) for v in row.values()] for row in ROWS)
        connection.executemany(f"insert into t values ({marks})", rows)
    return path


def sqlite_declared(directory: Path) -> Path:
    declared = "t text collate nocase, n integer, d decimal(18,2), f real, b boolean, day date, at timestamp"
    return _sqlite(directory, f"id integer primary key, {declared}", plain)


def sqlite_untyped(directory: Path) -> Path:
    return _sqlite(directory, ", ".join(TYPES), awkward)


def sqlite_texts(directory: Path) -> Path:
    declared = ", ".join(f"{c} text" for c in TYPES if c != "id")
    return _sqlite(directory, f"id integer, {declared}", lambda v: repr(v) if isinstance(v, float) else plain(v))


def parquet(directory: Path) -> Path:
    schema = pa.schema([(name, arrow_type(type_of(type_))) for name, type_ in TYPES.items()])
    table = pa.Table.from_pylist(ROWS, schema)
    pq.write_table(table.slice(0, 4), directory / "a.parquet")
    pq.write_table(table.slice(4), directory / "b.parquet")
    return directory


def parquet_of_texts(directory: Path) -> Path:
    rows = [{name: None if v is None else csv_text(v) for name, v in row.items()} for row in ROWS]
    pq.write_table(pa.Table.from_pylist(rows), directory / "a.parquet")
    return directory


def csv_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(plain(value))


def csv_files(directory: Path) -> Path:
    columns = list(TYPES)
    for name, part, order in (("a", ROWS[:5], columns), ("b", ROWS[5:], columns[::-1])):
        lines = [order, *([quoted(row[c]) for c in order] for row in part)]
        text = "".join(",".join(line) + "\r\n" for line in lines)
        (directory / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
    return directory


def quoted(value: Any) -> str:
    return "" if value is None else '"' + csv_text(value).replace('"', '""') + '"'


def csv_of_others(directory: Path) -> SourceSettings:
    """As another country's spreadsheet writes it."""
    lines = [list(TYPES), *([_of_others(value) for value in row.values()] for row in ROWS)]
    text = "".join(";".join(line) + "\r\n" for line in lines)
    (directory / "a.csv").write_bytes(text.encode("utf-16"))
    how = {"delimiter": ";", "encoding": "utf-16", "quote": "'", "null": ("-",), "decimal_comma": True}
    return CsvSettings("things", directory, **how)  # type: ignore[arg-type]


def _of_others(value: Any) -> str:
    if value is None:
        return "-"
    text = csv_text(value)
    with_comma = text.replace(".", ",") if isinstance(value, Decimal | float | datetime) else text
    return "'" + with_comma.replace("'", "''") + "'"


def _at(kind: str, build: Callable[[Path], Path]) -> Callable[[Path], SourceSettings]:
    return lambda directory: settings_of(build(directory), kind)


def _postgres(declared: str, directory: Path) -> SourceSettings:
    values = ", ".join(f"({', '.join(_literal(v) for v in row.values())})" for row in ROWS)
    # The clock of the server is elsewhere, which may not matter.
    url = databases.new_database(
        f"create table t ({declared}, primary key (id))",
        f"insert into t values {values}",
    )
    databases.run(url, f"alter database {url.partition('?')[0].rpartition('/')[2]} set timezone = 'America/Lima'")
    return PostgresSettings("things", url)


def duckdb_table(directory: Path) -> SourceSettings:
    """In DuckDB's own words."""
    file = directory / "things.duckdb"
    values = ", ".join(f"({', '.join(_literal(v) for v in row.values())})" for row in ROWS)
    declared = 'id integer, t varchar, n bigint, d decimal(18,2), f double, b boolean, day date, "at" timestamp'
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"create table t ({declared})")
        connection.execute(f"insert into t values {values}")
    return OtherSqlSettings("things", f"duckdb:///{file}")


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    return "'" + str(plain(value)).replace("'", "''") + "'"


POSTGRES = "id integer, t text, n bigint, d numeric(18,2), f float8, b boolean, day date, at timestamptz"
POSTGRES_TEXTS = ", ".join(["id integer", *(f"{c} text" for c in TYPES if c != "id")])

ENGINES: Mapping[str, Callable[[Path], SourceSettings]] = {
    "sqlite_declared": _at("sql", sqlite_declared),
    "sqlite_untyped": _at("sql", sqlite_untyped),
    "sqlite_texts": _at("sql", sqlite_texts),
    "postgres": partial(_postgres, POSTGRES),
    "postgres_texts": partial(_postgres, POSTGRES_TEXTS),
    "duckdb": duckdb_table,
    "parquet": _at("parquet", parquet),
    "parquet_of_texts": _at("parquet", parquet_of_texts),
    "csv_files": _at("csv", csv_files),
    "csv_of_others": csv_of_others,
}
"""The source `things`, built in an empty directory; its table is t, its files are those of its kind."""
