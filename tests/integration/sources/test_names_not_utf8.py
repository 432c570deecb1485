"""Names that are not UTF-8: a table is read by the others, and whatever can't be is refused for this reason."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.contract.spec import (
    AttachmentSpec,
    Blob,
    BlobKey,
    ColumnType,
    Invalid,
    JobSpec,
    Kind,
    Operator,
    ReadingMode,
    Relation,
    SourceRef,
    Term,
)
from services.worker.sources.check.problems import Probe
from services.worker.sources.errors import SourceFailed
from services.worker.sources.files.settings import ParquetSettings
from services.worker.sources.introspect.draft import draft
from services.worker.sources.introspect.tables import TableNames
from services.worker.sources.kind import SourceSettings
from services.worker.sources.kinds import kind_of
from services.worker.sources.sources import Sources
from services.worker.sources.sql.keyset import PAGE_ROWS
from services.worker.sources.sql.other.settings import OtherSqlSettings
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from tests.integration.sources.source_specs import read, spec_of
from tests.servers import databases

UNNAMEABLE = "whose name is not UTF-8"
QUERY = Relation(query="select * from t")


class Place(NamedTuple):
    """A source with a table t of (id, N, v, file), a view of it, and a table M; N and M are no UTF-8."""

    settings: SourceSettings
    drafted: str


def sqlite(directory: Path) -> Place:
    file = directory / "shop.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(
            """create table t (id text primary key, xxx text, v text, file blob);
            insert into t values ('a', 'x', 'b', x'00ff'); create view w as select * from t;
            create table yyy (id text primary key); pragma writable_schema = on;"""
        )
        connection.execute("update sqlite_schema set sql = cast(replace(cast(sql as blob), 'xxx', x'6eff') as text)")
        changed = ", ".join(
            f"{column} = cast(replace(cast({column} as blob), 'yyy', x'6dff') as text)"
            for column in ("name", "tbl_name", "sql")
        )
        connection.execute(f"update sqlite_schema set {changed}")
    return Place(SqliteSettings("things", file), r"m\udcff")


def postgres(_: Path) -> Place:
    """Without an encoding, as databases of old are."""
    url = databases.new_database(options="encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'")
    with psycopg.connect(url, client_encoding="latin1", autocommit=True) as connection:
        connection.execute('create table t (id text primary key, "n\xff" text, v text, file bytea)')
        connection.execute("insert into t values ('a', 'x', 'b', '\\x00ff')")
        connection.execute("create view w as select * from t")
        connection.execute("comment on column t.v is 'caf\xe9'")
        connection.execute('create table "m\xff" (id text primary key)')
    return Place(PostgresSettings("things", url), r"public.m\udcff")


PLACES = {"sqlite": sqlite, "postgres": postgres}


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return PLACES[request.param](tmp_path_factory.mktemp("names"))


def spec(relation: Relation) -> JobSpec:
    return spec_of("sql", {"id": "text", "v": "text"}, relation=relation)


def problems(settings: SourceSettings, of: JobSpec) -> list[str]:
    check = kind_of(settings).access().check
    assert check
    return [problem.message for problem in check(settings, [Probe("Things", of)])]


@pytest.mark.parametrize("table", ["t", "w"])
@pytest.mark.parametrize("mode", ReadingMode)
def test_the_other_columns_are_read_and_checked(place: Place, table: str, mode: ReadingMode) -> None:
    of = replace(spec(Relation(table=table)), reading=mode)
    assert read(place.settings, of).rows == [{"id": "a", "v": "b"}]
    assert problems(place.settings, of) == []


def test_a_query_that_gives_it_is_refused(place: Place) -> None:
    with pytest.raises(SourceFailed, match=f"QUERY_INVALID: .*{UNNAMEABLE}"):
        read(place.settings, spec(QUERY))
    (told,) = problems(place.settings, spec(QUERY))
    assert UNNAMEABLE in told


def test_a_query_that_names_the_others_is_read(place: Place) -> None:
    of = spec(Relation(query="select id, v from t"))
    assert (len(read(place.settings, of).rows), problems(place.settings, of)) == (1, [])


def test_blobs_of_such_a_table(place: Place) -> None:
    of_query = place.settings if isinstance(place.settings, PostgresSettings) else None
    relation = Relation(query="select id, file from t") if of_query else Relation(table="t")
    blob = AttachmentSpec(
        "file", SourceRef("things", "sql"), "{id}", blob=Blob(relation, "file", (BlobKey("id", "id"),))
    )
    files = Sources({"things": place.settings}).files(blob.source)
    opened = files.open(blob, "a", {"id": "a"})
    assert opened
    with opened:
        assert opened.read() == b"\x00\xff"
    files.close()


def test_a_draft_has_the_other_columns_and_says_so(place: Place) -> None:
    introspect = kind_of(place.settings).introspect()
    assert introspect
    text = draft("things", "sql", introspect(place.settings, TableNames()))
    text.encode()
    assert r"# t: left out, as no catalog can name them: n\udcff" in text
    assert r"# w: left out, as no catalog can name them: n\udcff" in text
    assert f"# {place.drafted} cannot be drafted: its name is not UTF-8." in text
    assert [line for line in text.splitlines() if line.startswith("[collections")] == [
        "[collections.T]",
        "[collections.W]",
    ]


def test_a_key_that_no_catalog_can_name_waits_in_a_comment(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a")) as connection, connection:
        connection.execute("create table t (xxx text primary key, v text)")
        connection.execute("pragma writable_schema = on")
        connection.execute("update sqlite_schema set sql = cast(replace(cast(sql as blob), 'xxx', x'6eff') as text)")
    introspect = kind_of(SqliteSettings("things", tmp_path / "a")).introspect()
    assert introspect
    text = draft("things", "sql", introspect(SqliteSettings("things", tmp_path / "a"), TableNames()))
    assert "# t has no key" in text


def test_any_other_driver_says_the_same(tmp_path: Path) -> None:
    sqlite(tmp_path)
    settings = OtherSqlSettings("things", f"sqlite+pysqlite:///{tmp_path}/shop.sqlite3")
    with pytest.raises(SourceFailed, match=f"QUERY_INVALID: .*{UNNAMEABLE}"):
        read(settings, spec(Relation(table="t")))
    (told,) = problems(settings, spec(Relation(table="t")))
    assert UNNAMEABLE in told


def test_parquet_says_why(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": ["a"], "xxx": ["x"]}), file)
    file.write_bytes(file.read_bytes().replace(b"xxx", b"\xff\xff\xff"))
    of = spec_of("parquet", {"id": "text"})
    with pytest.raises(SourceFailed, match=r"RELATION_INVALID: .* the name of a column is not UTF-8"):
        read(ParquetSettings("things", tmp_path), of)
    (told,) = problems(ParquetSettings("things", tmp_path), of)
    assert "the name of a column is not UTF-8" in told


def test_texts_that_are_not_utf8_in_what_sqlite_is_asked_about(tmp_path: Path) -> None:
    """The last key of a piece, and the first value of a column that the filter compares."""
    keys = [*(f"!{n:06}".encode() for n in range(PAGE_ROWS - 1)), b"/\xff", b"0"]
    with closing(sqlite3.connect(tmp_path / "a")) as connection, connection:
        connection.execute("create table t (id text primary key, made text)")
        connection.execute("insert into t values ('', cast(x'fe' as text))")
        connection.executemany("insert into t values (cast(? as text), '2026-01-01')", [(key,) for key in keys[1:]])
    of = replace(spec_of("sql", {"made": "text"}), reading=ReadingMode.KEYSET)
    lenient = replace(of, columns=tuple(replace(c, invalid=Invalid.TEXT) for c in of.columns))
    assert read(tmp_path / "a", lenient).matched == len(keys)
    after = Term("made", ColumnType(Kind.TIMESTAMP), Operator.GREATER, (datetime(2025, 1, 1, tzinfo=UTC),))
    with pytest.raises(SourceFailed, match="VALUE_INVALID"):
        read(tmp_path / "a", spec_of("sql", {"id": "text"}, filter=after))
