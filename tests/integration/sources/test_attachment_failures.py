"""What is no missing attachment: an attempt that cannot read one fails, and is retried."""

import sqlite3
import traceback
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from demo.seaweed import ObjectStore
from services.contract.spec import AttachmentSpec, Blob, BlobKey, Relation, SourceRef
from services.worker.sources.attachments.settings import BucketSettings
from services.worker.sources.errors import SourceFailed
from services.worker.sources.files.settings import CsvSettings
from services.worker.sources.http.settings import HttpSettings
from services.worker.sources.sources import Sources
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from services.worker.sources.stores.s3 import ObjectRoot
from tests.integration.sources.shelves import BLOB, Shelf, shelf
from tests.servers.api_platform import ApiPlatform, cut, served, status

LARGE = bytes(3_000_000)


@pytest.fixture
def api() -> Iterator[ApiPlatform]:
    with served(ApiPlatform([], files={"a b/1.xml": b"<one/>", "large": LARGE})) as running:
        yield running


def urls(api: ApiPlatform, path: str = "files/{name}", **options: object) -> HttpSettings:
    return HttpSettings("files", api.url, **{"allow_private": True, "retry_s": 0.0, **options})  # type: ignore[arg-type]


def failure(found: Shelf, name: str = "1.xml") -> str:
    with pytest.raises(SourceFailed) as failed:
        found.read(name)
    return failed.value.code


# ---- URLs


def test_values_of_a_row_are_percent_encoded(api: ApiPlatform) -> None:
    with shelf(urls(api), "files/a b/{name}?as={name}") as found:
        assert found.read("1.xml") == b"<one/>"
        assert found.read("1.xml?x=1&y#z/ñ") is None
    assert [(r.path, r.query) for r in api.requests] == [
        ("/files/a%20b/1.xml", [("as", "1.xml")]),
        ("/files/a%20b/1.xml%3Fx%3D1%26y%23z%2F%C3%B1", [("as", "1.xml?x=1&y#z/ñ")]),
    ]


@pytest.mark.parametrize("code", [404, 410])
def test_a_url_that_is_not_there_is_missing(api: ApiPlatform, code: int) -> None:
    api.moments[1] = status(code)
    with shelf(urls(api), "files/{name}") as found:
        assert found.read("large") is None


def test_what_passes_is_tried_again(api: ApiPlatform) -> None:
    api.moments = {1: status(429, Retry_After="0"), 2: status(500), 3: cut(2)}
    with shelf(urls(api, retry_s=10), "files/a b/{name}") as found:
        assert found.read("1.xml") == b"<one/>"
    assert len(api.requests) == 4


@pytest.mark.parametrize("size", [0, 100, 2_000_000])
def test_a_content_that_breaks_off_is_no_content(api: ApiPlatform, size: int) -> None:
    api.always = cut(size)
    with shelf(urls(api), "files/{name}") as found:
        assert failure(found, "large") == "SOURCE_UNAVAILABLE"


def test_a_refusal_and_another_host_fail_for_good(api: ApiPlatform) -> None:
    with shelf(urls(api), "files/{name}") as found:
        api.always = status(403)
        assert failure(found) == "SOURCE_REFUSED"
        api.always = status(302, Location="https://example.org/")
        assert failure(found) == "LINK_FOREIGN"
    with shelf(urls(api, allow_private=False), "files/{name}") as found:
        assert failure(found) == "ADDRESS_REFUSED"


# ---- objects


@pytest.mark.parametrize("wrong", ["bucket", "secret_key", "endpoint"])
def test_a_store_that_cannot_be_read_has_no_missing_objects(object_store: ObjectStore, wrong: str) -> None:
    root = ObjectRoot(
        "bucket-of-tests", "p", object_store.endpoint, "us-east-1", object_store.access_key, object_store.secret_key
    )
    values = {"bucket": "no-such-bucket", "secret_key": "wrong", "endpoint": "http://127.0.0.1:1"}
    settings = BucketSettings("files", replace(root, **{wrong: values[wrong]}))
    with shelf(settings, "{name}") as found:
        assert failure(found) == "SOURCE_UNAVAILABLE"


# ---- blobs


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "contents.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table contents (name, year integer, content)")
        connection.executemany(
            "insert into contents values (?, ?, ?)",
            [("a", 2025, b"old"), ("a", 2026, b"new"), (7, 2026, "text"), ("twice", 1, b"1"), ("twice", 1, b"2")],
        )
    return path


BY_YEAR = Blob(Relation(query="select * from contents;"), "content", (BlobKey("name", "id"), BlobKey("year", "y")))


def test_a_blob_is_found_by_every_part_of_its_key(database: Path) -> None:
    spec = AttachmentSpec("a", SourceRef("files", "sql"), "{id}", BY_YEAR)
    rows = [{"id": "a", "y": "2026"}, {"id": "a", "y": None}, {"id": "7", "y": "2026"}, {"id": "a", "y": "2024"}]
    sources = Sources({"files": SqliteSettings("files", database)})
    with closing(sources.open_attachments((spec,))) as files:
        streams = [files.open(spec, "", row) for row in rows]
        assert [stream and stream.read(10) for stream in streams] == [b"new", None, b"text", None]


def test_a_key_of_several_rows_a_missing_table_and_a_missing_file_fail(database: Path, tmp_path: Path) -> None:
    settings = SqliteSettings("files", database)
    with shelf(settings, "{name}", BLOB) as found:
        assert failure(found, "twice") == "RELATION_INVALID"
    with shelf(settings, "{name}", replace(BLOB, relation=Relation(table="none"))) as found:
        assert failure(found) == "RELATION_MISSING"
    with shelf(settings, "{name}", replace(BLOB, column="none")) as found:
        assert failure(found) == "COLUMN_MISSING"
    with shelf(replace(settings, path=tmp_path / "none"), "{name}", BLOB) as found:
        assert failure(found) == "SOURCE_UNAVAILABLE"


def test_a_text_that_the_type_of_a_key_has_no_value_for_is_missing(postgres_url: str) -> None:
    numbers = "select 1::int as name, 'one'::bytea as content"
    settings = PostgresSettings("files", postgres_url)
    with shelf(settings, "{name}", replace(BLOB, relation=Relation(query=numbers))) as found:
        assert [found.read(name) for name in ("1", "x", "1")] == [b"one", None, b"one"]


def test_a_database_that_cannot_be_opened_shows_no_password(tmp_path: Path) -> None:
    for url in (
        f"duckdb:///{tmp_path}/none/x.duckdb",
        "postgresql://me:hunter2@127.0.0.1:1/db",
        "none://me:hunter2@h/db",
    ):
        with (
            shelf(PostgresSettings("files", url), "{name}", BLOB) as found,
            pytest.raises(SourceFailed) as failed,
        ):
            found.read("1.xml")
        shown = "".join(traceback.format_exception(failed.value))
        assert (failed.value.code, "hunter2" in shown) == ("SOURCE_UNAVAILABLE", False)


def test_a_source_of_rows_has_no_attachments(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed) as failed:
        Sources({"files": CsvSettings("files", tmp_path)}).files(SourceRef("files", "csv"))
    assert failed.value.code == "SOURCE_UNKNOWN"
