import gzip
import hashlib
import json
import time
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pyzipper

from services.contract.codes import FailureCode, WarningCode
from services.contract.formats import Compression, Format, LongText, Packaging, XlsxLayout
from services.contract.job import Job, LeaseRef
from services.contract.outcome import Consistency, ExportWarning, MatchedBy, RunStats
from services.contract.spec import TableOptions
from services.worker.artifacts import open_sink
from services.worker.artifacts.settings import FolderStore
from services.worker.child.output import JobContext
from services.worker.child.packaging import FileLayout, file_layout, job_files
from services.worker.writers.values import CannotWrite
from tests.linters.archivers import times_of
from tests.unit.bundle.bundles import XML, batch_of, lines, opener, row, spec_of

BARE, ZIPPED = FileLayout(zipped=False, separate=False), FileLayout(zipped=True, separate=False)
LONG = TableOptions(Format.XLSX, xlsx=XlsxLayout(long_text=LongText.BUNDLE))
STATS = RunStats(
    2,
    MatchedBy.COUNT,
    2,
    Consistency.SNAPSHOT,
    datetime(2026, 11, 22, 21, 40, tzinfo=UTC),
    (ExportWarning(WarningCode.ATTACHMENT_MISSING, "not there", 1),),
)
FILES = {"e/u1.xml": b"<a/>"}
ROWS = [row(1), row(2)]


def spec(packaging=Packaging.AUTO, attachments=(), table=None):
    return replace(spec_of(attachments=attachments), packaging=packaging, table=table or TableOptions(Format.CSV))


def made(tmp_path, job_spec, password=""):
    """The files of a job, and where they are."""
    context = context_of(tmp_path, job_spec, password)
    with job_files(context, opener(FILES)) as files:
        files.write(batch_of(job_spec, ROWS))
        files.close()
        files.finish(STATS)
        artifact, separate = files.store()
    assert list(context.scratch.iterdir()) == []
    return tmp_path / "root", artifact, separate


def context_of(tmp_path, job_spec, password=""):
    root, scratch = tmp_path / "root", tmp_path / "scratch"
    root.mkdir()
    scratch.mkdir()
    lease = LeaseRef("export-1", "l1")
    job = Job(lease, 1, 1, *[timedelta(0)] * 3, job_spec, "export-1/l1/", "store", password)
    return JobContext(job, open_sink(FolderStore(root)), scratch, datetime.now(UTC), lambda: None)


@pytest.mark.parametrize(
    ("job_spec", "sealed", "expected"),
    [
        (spec(), False, BARE),
        (spec(), True, ZIPPED),
        (spec(Packaging.ZIP), False, ZIPPED),
        (spec(attachments=(XML,)), False, ZIPPED),
        (spec(table=LONG), False, ZIPPED),
        (spec(table=replace(LONG, format=Format.CSV)), False, BARE),
        (spec(Packaging.SEPARATE), False, BARE),
        (spec(Packaging.SEPARATE, (XML,)), False, FileLayout(zipped=False, separate=True)),
        (spec(Packaging.SEPARATE, (XML,)), True, FileLayout(zipped=True, separate=True)),
        (spec(Packaging.SEPARATE, (XML,), LONG), False, FileLayout(zipped=True, separate=True)),
    ],
)
def test_the_request_alone_decides_which_files_there_are(job_spec, sealed, expected):
    assert file_layout(job_spec, sealed=sealed) == expected


@pytest.mark.parametrize("table_format", list(Format))
def test_a_bare_table_is_published_under_its_own_extension(tmp_path, table_format):
    root, artifact, separate = made(tmp_path, spec(table=TableOptions(table_format)))
    content = (root / artifact.key).read_bytes()
    assert artifact.key == f"export-1/l1/export.{artifact.extension}"
    assert (artifact.size_bytes, artifact.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (artifact.entry_count, artifact.encrypted, separate) == (0, False, None)


def test_a_gzipped_table_holds_the_bare_one(tmp_path):
    root, artifact, _ = made(tmp_path, spec(table=TableOptions(Format.CSV, compression=Compression.GZIP)))
    content = (root / artifact.key).read_bytes()
    assert gzip.decompress(content) == b"Number\r\nF-1\r\nF-2\r\n"
    assert (artifact.extension, artifact.media_type) == ("csv.gz", "application/gzip")
    assert (artifact.size_bytes, artifact.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_separate_gives_the_bare_table_and_a_zip_of_the_attachments(tmp_path):
    root, artifact, separate = made(tmp_path, spec(Packaging.SEPARATE, (XML,)))
    assert (artifact.extension, artifact.entry_count) == ("csv", 0)
    assert lines((root / artifact.key).read_bytes())[1] == ["F-1", "files/invoice.cfdi.xml/1_u1.xml"]
    assert separate.key == "export-1/l1/attachments.zip"
    with zipfile.ZipFile(root / separate.key) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["files/invoice.cfdi.xml/1_u1.xml", "missing-files.csv", "manifest.json"]
    assert (separate.entry_count, [e.name for e in separate.entries][-1]) == (3, "manifest.json")
    assert separate.sha256 == hashlib.sha256((root / separate.key).read_bytes()).hexdigest()


@pytest.mark.parametrize("packaging", list(Packaging))
def test_with_a_password_nothing_is_left_in_the_clear(tmp_path, packaging):
    root, *artifacts = made(tmp_path, spec(packaging, (XML,)), "open sesame")
    for artifact in filter(None, artifacts):
        assert artifact.encrypted
        with pyzipper.AESZipFile(root / artifact.key) as archive:
            assert all(info.flag_bits & 1 for info in archive.infolist())
            archive.setpassword(b"open sesame")
            assert archive.testzip() is None


@pytest.mark.parametrize("zone", ["America/Mexico_City", "UTC", "Asia/Tokyo"])
@pytest.mark.parametrize("password", ["", "secret"])
def test_entries_bear_the_same_moment_wherever_they_are_unpacked(tmp_path, zone, password):
    before = int(time.time())
    root, artifact, _ = made(tmp_path, spec(attachments=(XML,)), password)
    times = times_of(root / artifact.key, zone, password)
    assert set(times) == {e.name for e in artifact.entries}
    assert all(before <= moment <= time.time() for moment in times.values())


def test_the_manifest_says_what_was_asked_for_and_what_came_of_it(tmp_path):
    job_spec = replace(spec(attachments=(XML,)), query="issuedAt[after]=2026-01-01")
    root, artifact, _ = made(tmp_path, job_spec)
    with zipfile.ZipFile(root / artifact.key) as archive:
        found = json.loads(archive.read("manifest.json"))
    del found["entries"], found["exportd_version"], found["write_time"]
    assert list(found.items()) == [
        ("export_id", "export-1"),
        (
            "request",
            {
                "collection": "Invoices",
                "query": "issuedAt[after]=2026-01-01",
                "columns": [{"field": "number", "header": "Number", "type": "text"}],
                "format": "CSV",
                "time_zone": "UTC",
                "options": {
                    "delimiter": ",",
                    "bom": False,
                    "line_terminator": "CRLF",
                    "decimal_comma": False,
                    "null_text": "",
                    "escape_formulas": False,
                    "header": True,
                    "local_times": False,
                },
                "file_types": ["invoice.cfdi.xml"],
                "packaging": "AUTO",
            },
        ),
        ("rows_matched", 2),
        ("rows_written", 2),
        ("matched_by", "COUNT"),
        ("consistency", "SNAPSHOT"),
        ("as_of", "2026-11-22T21:40:00Z"),
        ("warnings", [{"code": "ATTACHMENT_MISSING", "message": "not there", "count": 1}]),
        ("entry_count", 3),
    ]


def give_up(context) -> None:
    with job_files(context, opener(FILES)) as files:
        files.write(batch_of(context.job.spec, ROWS))
        raise CannotWrite(FailureCode.VALUE_INVALID, "a value")


@pytest.mark.parametrize("packaging", list(Packaging))
def test_nothing_is_left_of_what_is_given_up(tmp_path, packaging):
    context = context_of(tmp_path, spec(packaging, (XML,)))
    with pytest.raises(CannotWrite):
        give_up(context)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
