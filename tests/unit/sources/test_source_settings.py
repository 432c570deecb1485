"""The worker's sources.toml."""

import codecs
import pickle
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from services.runtime.toml import FileError
from services.worker.sources.attachments.settings import BucketSettings, FolderSettings
from services.worker.sources.errors import SourceFailed, unavailable
from services.worker.sources.files.settings import ENCODINGS, CsvSettings, ParquetSettings
from services.worker.sources.http.settings import HttpSettings
from services.worker.sources.kind import SourceKind, SourceSettings
from services.worker.sources.kinds import KINDS, kind_of
from services.worker.sources.settings import load
from services.worker.sources.sources import Sources
from services.worker.sources.sql.mysql.settings import MysqlSettings
from services.worker.sources.sql.other.settings import OtherSqlSettings
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from services.worker.sources.stores.s3 import ObjectRoot

GOOD = """
[sources.cfdi]
kind = "sql"
url = "sqlite:///data/cfdi.sqlite3"
[sources.old]
kind = "sql"
url = "sqlite:////srv/old%20one.sqlite3"
[sources.flights]
kind = "parquet"
root = "flights"
[sources.trips]
kind = "csv"
root = "/srv/trips"
[sources.cfdi-files]
kind = "folder"
root = "files"
"""

BAD = """
colour = "red"
[sources.a]
kind = "excel"
[sources.b]
kind = "sql"
url = "oracle:me:hunter2@host"
statement_timeout_s = inf
[sources.c]
kind = "csv"
[sources.d]
kind = "folder"
root = 5
[sources.e]
kind = "parquet"
root = "e"
rot = "e"
[sources.f]
kind = "sql"
url = "sqlite://"
password_file = "f"
[sources.g]
root = "g"
[sources.h]
kind = "sql"
source_time_zone = 5
"""


def write(directory: Path, text: str) -> Path:
    path = directory / "sources.toml"
    path.write_text(text)
    return path


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    assert load(write(tmp_path, GOOD)) == {
        "cfdi": SqliteSettings("cfdi", tmp_path / "data/cfdi.sqlite3"),
        "old": SqliteSettings("old", Path("/srv/old one.sqlite3")),
        "flights": ParquetSettings("flights", tmp_path / "flights"),
        "trips": CsvSettings("trips", Path("/srv/trips")),
        "cfdi-files": FolderSettings("cfdi-files", tmp_path / "files"),
    }


def test_every_mistake_is_named_at_once_and_no_secret_is(tmp_path: Path) -> None:
    with pytest.raises(FileError) as mistaken:
        load(write(tmp_path, BAD))
    assert [str(m) for m in mistaken.value.mistakes] == [
        "colour: unknown key; allowed: sources",
        '[sources.a] kind: "excel" is not known; known are sql, parquet, csv, http, folder, object',
        "[sources.b] url: must be sqlite:///FILE, postgresql://USER@HOST/DATABASE or another URL of SQLAlchemy",
        "[sources.b] statement_timeout_s: must be a number from 0 to 86400",
        "[sources.c] root: is missing",
        "[sources.d] root: must be a text that is not empty",
        "[sources.e] rot: unknown key; did you mean root?",
        "[sources.f] password_file: unknown key; allowed: kind, url, statement_timeout_s, source_time_zone",
        "[sources.f] url: must be sqlite:///FILE, with four slashes for an absolute path",
        "[sources.g] kind: is missing",
        "[sources.h] url: is missing",
        "[sources.h] source_time_zone: must be a text that is not empty",
    ]
    assert all(str(m) in str(mistaken.value) for m in mistaken.value.mistakes)
    assert "hunter2" not in str(mistaken.value)


def test_how_csv_files_are_written_is_read(tmp_path: Path) -> None:
    text = r"""
[sources.trips]
kind = "csv"
root = "/srv/trips"
delimiter = "\t"
encoding = "utf-16"
quote = ""
header = false
null = ["NA", ""]
decimal_comma = true
"""
    expected = CsvSettings(
        "trips",
        Path("/srv/trips"),
        delimiter="\t",
        encoding="utf-16",
        quote="",
        header=False,
        null=("NA", ""),
        decimal_comma=True,
    )
    assert load(write(tmp_path, text)) == {"trips": expected}


def test_mistakes_in_how_csv_files_are_written_are_named(tmp_path: Path) -> None:
    bad = """
[sources.a]
kind = "csv"
root = "a"
delimiter = ";;"
encoding = "utf8"
quote = "\\n"
header = "no"
null = [5]
decimal_comma = 1
[sources.b]
kind = "csv"
root = "b"
delimiter = "'"
quote = "'"
[sources.c]
kind = "parquet"
root = "c"
delimiter = ";"
"""
    with pytest.raises(FileError) as mistaken:
        load(write(tmp_path, bad))
    assert [(m.table, m.key) for m in mistaken.value.mistakes] == [
        ("[sources.a]", "delimiter"),
        ("[sources.a]", "quote"),
        ("[sources.a]", "encoding"),
        ("[sources.a]", "header"),
        ("[sources.a]", "null"),
        ("[sources.a]", "decimal_comma"),
        ("[sources.b]", "quote"),
        ("[sources.c]", "delimiter"),
    ]
    assert "did you mean utf-8?" in str(mistaken.value)


def test_every_encoding_of_csv_files_can_be_decoded() -> None:
    for encoding in ENCODINGS:
        assert codecs.getincrementaldecoder(encoding)().decode(b"", final=True) == ""


@pytest.mark.parametrize("text", ["sources = 5", "sources.a = 5", "[sources", "\0"])
def test_what_is_no_table_of_sources_is_a_mistake(tmp_path: Path, text: str) -> None:
    with pytest.raises(FileError):
        load(write(tmp_path, text))


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read"):
        load(tmp_path / "none.toml")


SETTINGS: dict[type, SourceSettings] = {
    SqliteSettings: SqliteSettings("a", Path("/a")),
    PostgresSettings: PostgresSettings("a", "postgresql://me:hunter2@host/db"),
    MysqlSettings: MysqlSettings("a", "mysql+pymysql://me:hunter2@host/db"),
    OtherSqlSettings: OtherSqlSettings("a", "oracle://me:hunter2@host/db"),
    ParquetSettings: ParquetSettings("a", ObjectRoot("b", "p", access_key="hunter2", secret_key="hunter2")),
    CsvSettings: CsvSettings("a", ObjectRoot("b", "p", access_key="hunter2", secret_key="hunter2")),
    HttpSettings: HttpSettings("a", "https://host", (("Authorization", "hunter2"),)),
    FolderSettings: FolderSettings("a", Path("/a")),
    BucketSettings: BucketSettings("a", ObjectRoot("b", "p", access_key="hunter2", secret_key="hunter2")),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.settings.__name__)
def test_settings_of_every_kind_travel_to_a_child_and_show_no_secret(kind: SourceKind[Any]) -> None:
    sources = Sources({"a": SETTINGS[kind.settings]}, b"hunter2")
    assert pickle.loads(pickle.dumps(sources)) == sources  # noqa: S301 - its own bytes
    assert "hunter2" not in repr(sources)
    assert kind_of(sources.by_id["a"]) is kind


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.settings.__name__)
def test_settings_of_every_kind_cannot_be_changed(kind: SourceKind[Any]) -> None:
    with pytest.raises(FrozenInstanceError):
        SETTINGS[kind.settings].id = "b"  # type: ignore[misc]


def test_a_failure_travels_to_the_parent_whole() -> None:
    failed = pickle.loads(pickle.dumps(unavailable("a")))  # noqa: S301 - its own bytes
    assert isinstance(failed, SourceFailed)
    assert failed.code == "SOURCE_UNAVAILABLE"
