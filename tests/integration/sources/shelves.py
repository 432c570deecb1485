"""The same attachments in every place that attachments come from."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import adbc_driver_postgresql.dbapi
import duckdb

from demo.seaweed import ObjectStore
from services.contract.spec import AttachmentSpec, Blob, BlobKey, Relation, SourceRef
from services.worker.ports import AttachmentFiles
from services.worker.sources.attachments.settings import BucketSettings, FolderSettings
from services.worker.sources.http.settings import HttpSettings
from services.worker.sources.kind import SourceSettings
from services.worker.sources.sources import Sources
from services.worker.sources.sql.other.settings import OtherSqlSettings
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from services.worker.sources.stores.s3 import ObjectRoot, filesystem
from tests.servers.api_platform import ApiPlatform, served
from tests.servers.object_store import BUCKET

Row = dict[str, str | None]


@dataclass(frozen=True)
class Shelf:
    """Attachments by name; `{name}` is the one placeholder of the path."""

    files: AttachmentFiles
    attachment: AttachmentSpec

    def read(self, name: str | None) -> bytes | None:
        """The whole content; None when there is none."""
        stream = self.files.open(self.attachment, f"below/{name}", {"name": name})
        if stream is None:
            return None
        with closing(stream):
            return b"".join(iter(lambda: stream.read(100_000), b""))


@contextmanager
def shelf(settings: SourceSettings, path: str, blob: Blob | None = None) -> Iterator[Shelf]:
    ref = SourceRef("files", settings.kind)
    with closing(Sources({"files": settings}).files(ref)) as files:
        yield Shelf(files, AttachmentSpec("thing.bin", ref, path, blob))


Place = Callable[[Mapping[str, bytes | None]], AbstractContextManager[Shelf]]
"""Puts contents, by name, on a shelf; None is a null, where there are nulls."""


def folder(directory: Path) -> Place:
    @contextmanager
    def filled(contents: Mapping[str, bytes | None]) -> Iterator[Shelf]:
        (directory / "below").mkdir()
        for name, content in contents.items():
            if content is not None:
                (directory / "below" / name).write_bytes(content)
        with shelf(FolderSettings("files", directory), "below/{name}") as found:
            yield found

    return filled


def bucket(store: ObjectStore) -> Place:
    root = ObjectRoot(BUCKET, str(uuid4()), store.endpoint, "us-east-1", store.access_key, store.secret_key)

    @contextmanager
    def filled(contents: Mapping[str, bytes | None]) -> Iterator[Shelf]:
        for name, content in contents.items():
            if content is not None:
                with filesystem(root).open_output_stream(root.path(f"below/{name}")) as stream:
                    stream.write(content)
        with shelf(BucketSettings("files", root), "below/{name}") as found:
            yield found

    return filled


@contextmanager
def urls(contents: Mapping[str, bytes | None], **state: Any) -> Iterator[Shelf]:
    stored = {f"below/{name}": content for name, content in contents.items() if content is not None}
    with served(ApiPlatform([], files=stored, **state)) as api:
        http = HttpSettings("files", api.url, allow_private=True, retry_s=5)
        with shelf(http, "files/below/{name}") as found:
            yield found


BLOB = Blob(Relation(table="contents"), "content", (BlobKey("name", "name"),))


def sqlite_table(path: Path, blob: Blob = BLOB) -> Place:
    @contextmanager
    def filled(contents: Mapping[str, bytes | None]) -> Iterator[Shelf]:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("pragma journal_mode = wal")
            connection.execute("create table contents (name text primary key, content blob)")
            connection.executemany("insert into contents values (?, ?)", contents.items())
        with shelf(SqliteSettings("files", path), "below/{name}", blob) as found:
            yield found

    return filled


def duckdb_table(path: Path) -> Place:
    @contextmanager
    def filled(contents: Mapping[str, bytes | None]) -> Iterator[Shelf]:
        with duckdb.connect(str(path)) as connection:
            connection.execute("create table contents (name text primary key, content blob)")
            for each in contents.items():
                connection.execute("insert into contents values (?, ?)", each)
        with shelf(OtherSqlSettings("files", f"duckdb:///{path}"), "below/{name}", BLOB) as found:
            yield found

    return filled


def postgres_table(url: str) -> Place:
    name = f"contents_{uuid4().hex}"
    blob = Blob(Relation(table=name), "content", BLOB.key)

    @contextmanager
    def filled(contents: Mapping[str, bytes | None]) -> Iterator[Shelf]:
        with adbc_driver_postgresql.dbapi.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(f"create table {name} (name text primary key, content bytea)")
            for each in contents.items():
                cursor.execute(f"insert into {name} values ($1, $2)", each)
            connection.commit()
        with shelf(PostgresSettings("files", url), "below/{name}", blob) as found:
            yield found

    return filled
