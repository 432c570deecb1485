"""A whole job in this process: rows of an API, and attachments from URLs, a folder and a database, in one ZIP."""

import io
import json
import sqlite3
import zipfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from services.contract.formats import Format
from services.contract.job import Job, LeaseRef
from services.contract.outcome import Built, Consistency, Failure, MatchedBy
from services.contract.spec import (
    AttachmentSpec,
    Blob,
    BlobKey,
    ColumnSpec,
    JobSpec,
    OrderTerm,
    Relation,
    SourceRef,
    TableOptions,
)
from services.contract.store import artifact_prefix
from services.worker.artifacts.settings import FolderStore
from services.worker.child import job
from services.worker.order import Order, Outcome
from services.worker.sources.attachments.settings import FolderSettings
from services.worker.sources.sources import Sources
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from tests.integration.sources.http_apis import INTEGER, LINKED, TEXT, api_of, settings_of
from tests.servers.api_platform import ApiPlatform, status

COLUMNS = (ColumnSpec("id", "id", "id", INTEGER), ColumnSpec("issuer.rfc", "rfc", "rfc", TEXT))
SIGNATURES = Blob(Relation(table="signatures"), "content", (BlobKey("number", "id"),))
ATTACHMENTS = (
    AttachmentSpec("thing.pdf", SourceRef("api", "http"), "files/{issuer.rfc}.pdf"),
    AttachmentSpec("thing.xml", SourceRef("folder", "folder"), "{id}.xml"),
    AttachmentSpec("thing.sig", SourceRef("db", "sql"), "{id}.sig", SIGNATURES),
)


def sources(api: ApiPlatform, directory: Path) -> Sources:
    (directory / "1.xml").write_bytes(b"<one/>")
    database = directory / "db.sqlite3"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("create table signatures (number integer primary key, content blob)")
        connection.executemany("insert into signatures values (?, ?)", [(1, b"signed"), (2, None)])
    return Sources(
        {
            "api": settings_of(api, retry_s=0.0),
            "folder": FolderSettings("folder", directory),
            "db": SqliteSettings("db", database),
        }
    )


def run(api: ApiPlatform, directory: Path) -> Outcome:
    spec = JobSpec(
        collection="Things",
        source=SourceRef("api", "http"),
        relation=Relation(http=LINKED),
        key=("id",),
        columns=COLUMNS,
        order=(OrderTerm("id"),),
        table=TableOptions(Format.JSON),
        table_name="things",
        attachments=ATTACHMENTS,
    )
    never, lease = timedelta(0), LeaseRef("export", "lease")
    given = Job(lease, 1, 1, never, never, never, spec, artifact_prefix(lease), store_id="")
    scratch = directory / "scratch"
    scratch.mkdir()
    return job.run(Order(given, FolderStore(directory), scratch, "reference", sources(api, directory)), lambda _: None)


def test_rows_and_attachments_of_an_api_become_one_file(tmp_path: Path) -> None:
    with api_of(25, files={"XAXX000001.pdf": b"%PDF-1", "XAXX000002.pdf": bytes(2_500_000)}) as api:
        built = run(api, tmp_path)
    assert isinstance(built, Built), built
    assert (built.stats.rows_matched, built.stats.rows_written) == (25, 25)
    assert (built.stats.matched_by, built.stats.consistency) == (MatchedBy.COUNT, Consistency.PAGED)
    with zipfile.ZipFile(io.BytesIO((tmp_path / built.artifact.key).read_bytes())) as packed:
        rows = json.loads(packed.read("things.json"))
        missing = packed.read("missing-files.csv").decode().splitlines()
        assert packed.read("files/thing.sig/1_1.sig") == b"signed"
        assert packed.read("files/thing.pdf/2_XAXX000002.pdf") == bytes(2_500_000)
    assert rows[0] == {
        "id": 1,
        "rfc": "XAXX000001",
        "files": ["files/thing.pdf/1_XAXX000001.pdf", "files/thing.xml/1_1.xml", "files/thing.sig/1_1.sig"],
    }
    assert [row["id"] for row in rows] == list(range(1, 26))
    assert missing[1:4] == ["thing.xml,2.xml,2", "thing.sig,2.sig,2", "thing.pdf,files/XAXX000003.pdf,3"]
    assert [(w.code, w.count) for w in built.stats.warnings] == [("ATTACHMENT_MISSING", 75 - 4)]


def test_an_attachment_that_cannot_be_had_fails_the_attempt_for_a_retry(tmp_path: Path) -> None:
    with api_of(25, files={"XAXX000001.pdf": b"%PDF-1"}) as api:
        api.always = lambda r, reply: status(500)(r, reply) if "XAXX000009" in r.path else reply
        failed = run(api, tmp_path)
    assert isinstance(failed, Failure)
    assert failed.code == "SOURCE_UNAVAILABLE"
