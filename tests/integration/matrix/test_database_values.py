"""Every type that a database documents, at its extremes: exact in the file, cut and counted, or not of the type.

One file of rows a kind, in database_rows/. What a value becomes is read from a Parquet file, by DuckDB.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from services.contract.formats import Format
from services.contract.outcome import Built
from services.contract.spec import Invalid, Relation, TableOptions
from services.worker.sources.errors import SourceFailed
from services.worker.sources.kind import SourceSettings
from services.worker.sources.said import said
from services.worker.sources.sources import Sources
from services.worker.sources.sql.other.settings import OtherSqlSettings
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from tests.integration.sources.copy_jobs import run
from tests.integration.sources.kept import kept
from tests.integration.sources.source_specs import read, read_from, spec_of
from tests.servers import databases

MARKS = {"INVALID_VALUE_AS_NULL": "!", "TIMESTAMP_ROUNDED": "~", "LONG_NUMBER_ROUNDED": "≈"}
FOLDER = Path(__file__).parent / "database_rows"
NULL, NULL_TEXT, INVALID, CUT, NEAREST = "null", "null-text", "!", "~", "≈"


class Row(NamedTuple):
    stored: str
    type: str
    expression: str
    expected: str


def rows(kind: str) -> Iterator[Row]:
    lines = (FOLDER / f"{LIKE.get(kind, kind)}.txt").read_text(encoding="utf-8").splitlines()
    listed = (Row(*(cell.strip() for cell in line.split(" | ", 3))) for line in lines if not line.startswith("#"))
    return (row for row in listed if row.expression not in NOT_LIKE.get(kind, ()))


def groups(kind: str) -> list[tuple[str, str, str]]:
    return [(kind, *of) for of, _ in groupby(rows(kind), key=lambda row: row[:2])]


LIKE = {"sqlalchemy": "sqlite"}
"""Kinds that have the rows of another one: any database, through a driver of SQLAlchemy."""
NOT_UTF8 = "cast(x'4D6172ED61' as text)"
NOT_LIKE = {"sqlalchemy": (NOT_UTF8, "-0.0")}
"""What a driver makes something else of: it keeps the sign of nothing, and gives no text that is not UTF-8."""
KINDS = sorted([*(path.stem for path in FOLDER.glob("*.txt")), *LIKE])
GROUPS = [group for kind in KINDS for group in groups(kind)]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, SourceSettings]:
    """An empty database a kind."""
    file = tmp_path_factory.mktemp("matrix") / "x.sqlite3"
    file.touch()
    return {
        "postgres": PostgresSettings("things", databases.new_database()),
        "sqlite": SqliteSettings("things", file),
        "sqlalchemy": OtherSqlSettings("things", f"sqlite+pysqlite:///{file}"),
    }


@pytest.fixture(scope="module")
def reader() -> Iterator[duckdb.DuckDBPyConnection]:
    """Of what was written."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


@pytest.mark.parametrize("group", GROUPS, ids="-".join)
def test_values_at_the_extremes(
    sources: Mapping[str, SourceSettings],
    reader: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    group: tuple[str, str, str],
) -> None:
    kind, stored, type_ = group
    cases = [row for row in rows(kind) if row[:2] == (stored, type_)]
    query = " union all ".join(f"select {i} as id, {row.expression} as v" for i, row in enumerate(cases))
    spec = spec_of("sql", {"v": type_}, relation=Relation(query=query))
    lenient = replace(
        spec,
        columns=tuple(replace(c, invalid=Invalid.NULL if type_ != "json" else None) for c in spec.columns),
        table=TableOptions(Format.PARQUET),
    )
    done, file = run(Sources({"things": sources[kind]}), lenient, tmp_path)
    assert isinstance(done, Built), done
    assert found(reader, tmp_path, file) == [shown(row.expected) for row in cases]
    assert {w.code: w.count for w in done.stats.warnings} == {
        code: count
        for code, mark in (
            ("INVALID_VALUE_AS_NULL", INVALID),
            ("TIMESTAMP_ROUNDED", CUT),
            ("LONG_NUMBER_ROUNDED", NEAREST),
        )
        if (count := sum(row.expected.startswith(mark) for row in cases))
    }


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_of_the_type_is_refused_with_its_key(sources: Mapping[str, SourceSettings], kind: str) -> None:
    words = r"^VALUE_INVALID: Column 'v' .* in row 1 .*, where id is '7'\."
    with kept(sources[kind]) as source:
        for row in (row for row in rows(kind) if row.expected == INVALID):
            query = Relation(query=f"select 7 as id, {row.expression} as v")
            with pytest.raises(SourceFailed, match=words):
                read_from(source, spec_of("sql", {"v": row.type}, relation=query))


def test_a_text_that_the_driver_cannot_give_is_an_invalid_value(sources: Mapping[str, SourceSettings]) -> None:
    spec = spec_of("sql", {"v": "text"}, relation=Relation(query=f"select 7 as id, {NOT_UTF8} as v"))
    with pytest.raises(SourceFailed, match=r"^VALUE_INVALID: ") as failed:
        read(sources["sqlalchemy"], spec)
    assert said(failed.value) == "OperationalError"


def shown(expected: str) -> str | None:
    if expected in (NULL, INVALID):
        return None
    return NULL if expected == NULL_TEXT else expected.lstrip(CUT + NEAREST)


def found(reader: duckdb.DuckDBPyConnection, folder: Path, file: bytes) -> list[str | None]:
    path = folder / "read.parquet"
    path.write_bytes(file)
    values = reader.execute(f"select v::varchar from read_parquet('{path}')").fetchall()
    return [value for (value,) in values]
