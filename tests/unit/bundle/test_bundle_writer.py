import gc
import hashlib
import io
import json
import time
import zipfile

import openpyxl
import pytest
import pyzipper

from services.contract.formats import Format
from services.contract.spec import AttachmentSpec
from services.worker.bundle.archive import Archive
from services.worker.bundle.writer import BundleWriter, Targets, files_column
from tests.linters.archivers import exit_code
from tests.linters.zip_linter import zip_faults
from tests.patience import PATIENCE_S
from tests.unit.bundle.bundles import (
    FILES,
    MOMENT,
    XML,
    Opened,
    batch_of,
    bundle_of,
    lines,
    manifest_of,
    opener,
    row,
    spec_of,
    writer_to,
)


def test_attachments_come_first_then_what_is_missing_then_the_table(tmp_path):
    files = {"e/u1.xml": b"<a/>" * 100, "e/u1.pdf": b"%PDF", "e/u2.xml": b"<b/>"}
    file, writer, made = bundle_of(spec_of(), files, [row(1)], [row(2), row(3, uuid=None)], spool_dir=tmp_path)
    archive = zipfile.ZipFile(file)
    assert archive.testzip() is None
    assert archive.namelist() == [
        "files/invoice.cfdi.xml/1_u1.xml",
        "files/invoice.pdf/1_u1.pdf",
        "files/invoice.cfdi.xml/2_u2.xml",
        "missing-files.csv",
        "invoices.csv",
        "manifest.json",
    ]
    assert archive.read("files/invoice.cfdi.xml/1_u1.xml") == files["e/u1.xml"]
    assert lines(archive.read("invoices.csv")) == [
        ["Number", "files"],
        ["F-1", "files/invoice.cfdi.xml/1_u1.xml; files/invoice.pdf/1_u1.pdf"],
        ["F-2", "files/invoice.cfdi.xml/2_u2.xml"],
        ["F-3", ""],
    ]
    assert lines(archive.read("missing-files.csv")) == [
        ["file_type", "path", "key"],
        ["invoice.pdf", "e/u2.pdf", "2"],
        ["invoice.cfdi.xml", "", "3"],
        ["invoice.pdf", "", "3"],
    ]
    assert writer.rows_written == 3
    assert [(w.code, w.count) for w in writer.warnings] == [("ATTACHMENT_MISSING", 3)]
    assert [(e.name, e.size_bytes) for e in made.entries] == [(i.filename, i.file_size) for i in archive.infolist()]
    assert made.entry_count == 6


def test_what_is_compressed_already_is_stored(tmp_path):
    files = {"e/u1.xml": b"x" * 1000, "e/u1.pdf": b"x" * 1000}
    file, _, _ = bundle_of(spec_of(Format.XLSX), files, [row(1)], spool_dir=tmp_path)
    kinds = {i.filename.rsplit(".", 1)[-1]: i.compress_type for i in zipfile.ZipFile(file).infolist()}
    assert kinds == {
        "xml": zipfile.ZIP_DEFLATED,
        "pdf": zipfile.ZIP_STORED,
        "xlsx": zipfile.ZIP_STORED,
        "json": zipfile.ZIP_DEFLATED,
    }


@pytest.mark.parametrize("table_format", [Format.JSON, Format.JSONL])
def test_json_names_the_files_of_a_row_in_an_array(tmp_path, table_format):
    spec = spec_of(table_format, (XML,))
    file, _, _ = bundle_of(spec, {"e/u1.xml": b"1"}, [row(1), row(2)], spool_dir=tmp_path)
    content = zipfile.ZipFile(file).read(f"invoices.{table_format.value.lower()}").decode()
    found = json.loads(content) if table_format is Format.JSON else [json.loads(x) for x in content.splitlines()]
    assert [d["files"] for d in found] == [["files/invoice.cfdi.xml/1_u1.xml"], []]


def test_a_workbook_in_a_bundle_names_the_files_too(tmp_path):
    file, _, _ = bundle_of(spec_of(Format.XLSX, (XML,)), {"e/u1.xml": b"1"}, [row(1)], spool_dir=tmp_path)
    sheet = openpyxl.load_workbook(io.BytesIO(zipfile.ZipFile(file).read("invoices.xlsx"))).active
    assert [c.value for c in sheet[2]] == ["F-1", "files/invoice.cfdi.xml/1_u1.xml"]
    assert list(tmp_path.iterdir()) == []


def test_without_attachments_the_table_is_the_only_entry_and_has_no_column_more(tmp_path):
    file, writer, _ = bundle_of(spec_of(attachments=()), {}, [row(1)], spool_dir=tmp_path)
    assert zipfile.ZipFile(file).namelist() == ["invoices.csv", "manifest.json"]
    assert zipfile.ZipFile(file).read("invoices.csv") == b"Number\r\nF-1\r\n"
    assert writer.warnings == []


@pytest.mark.parametrize("table_format", [Format.CSV, Format.JSON, Format.JSONL, Format.XLSX])
def test_no_rows_at_all_give_a_bundle_with_an_empty_table(tmp_path, table_format):
    file, writer, made = bundle_of(spec_of(table_format), {}, [], spool_dir=tmp_path)
    assert zipfile.ZipFile(file).namelist() == [f"invoices.{table_format.value.lower()}", "manifest.json"]
    assert (writer.rows_written, made.entry_count) == (0, 2)


def test_entries_are_counted_beyond_the_hundred_that_are_shown(tmp_path):
    rows = [row(n) for n in range(150)]
    files = {f"e/u{n}.xml": b"x" for n in range(150)}
    file, _, made = bundle_of(spec_of(attachments=(XML,)), files, rows, spool_dir=tmp_path)
    assert (len(made.entries), made.entry_count) == (100, 152)
    assert len(manifest_of(zipfile.ZipFile(file))["entries"]) == 151


def test_the_column_of_files_gives_way_to_a_column_of_that_name():
    assert files_column(spec_of(columns=("files", "number"))).field == "files_2"


@pytest.mark.parametrize("size", [1000, 3_000_000])
def test_a_stream_of_unknown_size_is_read_to_its_end_and_closed(tmp_path, size):
    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return False

    content, spec, file = Stream(b"x" * size), spec_of(attachments=(XML,)), io.BytesIO()
    archive = Archive(file, MOMENT, tmp_path)
    writer = BundleWriter(spec, Targets(archive, archive), Opened(lambda _spec, _path, _row: content), tmp_path)
    writer.write(batch_of(spec, [row(1)]))
    writer.close()
    writer.finish({})
    assert zipfile.ZipFile(file).read("files/invoice.cfdi.xml/1_u1.xml") == b"x" * size
    assert content.closed


def test_what_fails_to_open_fails_the_writing_and_what_was_opened_ahead_is_closed(tmp_path):
    opened = []

    def opening(_spec, path, _row):
        if path == "e/u3.xml":
            raise OSError("the folder is gone")
        opened.append(io.BytesIO(b"x" * 2_000_000))
        return opened[-1]

    spec = spec_of(attachments=(XML,))
    archive = Archive(io.BytesIO(), MOMENT, tmp_path)
    writer = BundleWriter(spec, Targets(archive, archive), Opened(opening), tmp_path)
    with pytest.raises(OSError, match="the folder is gone"):
        writer.write(batch_of(spec, [row(n) for n in range(10)]))
    until = time.monotonic() + PATIENCE_S  # a thread may still be about to close what it opened
    while not all(stream.closed for stream in opened) and time.monotonic() < until:
        time.sleep(0.01)
    assert all(stream.closed for stream in opened)


def test_a_bundle_dropped_halfway_leaves_nothing_behind_and_no_zip(tmp_path):
    path = tmp_path / "bundle.zip"
    with path.open("w+b") as file:
        spec = spec_of(Format.XLSX)
        writer, _ = writer_to(file, spec, {"e/u1.xml": b"x"}, tmp_path)
        writer.write(batch_of(spec, [row(1)]))
        writer.release()
    del writer
    gc.collect()
    assert list(tmp_path.iterdir()) == [path]
    assert not zipfile.is_zipfile(path)


@pytest.mark.parametrize("command", [("unzip", "-tqq"), ("libarchive",), ("7zz", "t")], ids=lambda c: c[0])
def test_other_programs_find_no_fault(tmp_path, command):
    files = {"e/u1.xml": "é".encode() * 1000}
    file, _, _ = bundle_of(spec_of(), files, [row(1, id="É/ключ")], spool_dir=tmp_path)
    path = tmp_path / "bundle.zip"
    path.write_bytes(file.getvalue())
    assert exit_code(*command, path) == 0
    assert zip_faults(file) == []


def test_the_manifest_lists_every_other_entry_with_size_and_hash(tmp_path):
    files = {"e/u1.xml": b"<a/>", "e/u1.pdf": b"%PDF" * 500_000}
    file, _, _ = bundle_of(spec_of(), files, [row(1), row(2, id='"Ñ"')], spool_dir=tmp_path)
    archive = zipfile.ZipFile(file)
    found = manifest_of(archive)
    assert list(found) == ["export_id", "entry_count", "entries"]
    assert [e["name"] for e in found["entries"]] == archive.namelist()[:-1]
    assert found["entry_count"] == len(found["entries"])
    for entry in found["entries"]:
        content = archive.read(entry["name"])
        assert (entry["size_bytes"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_with_a_password_every_entry_is_sealed(tmp_path):
    files = {"e/u1.xml": b"<a/>", "e/u1.pdf": b"%PDF" * 500_000}
    rows = [row(1), row(2)]
    file, _, _ = bundle_of(spec_of(), files, rows, spool_dir=tmp_path, password="open sesame")
    with pyzipper.AESZipFile(file) as archive:
        assert all(i.flag_bits & 1 for i in archive.infolist())
        archive.setpassword(b"open sesame")
        assert archive.testzip() is None
        assert len(manifest_of(archive)["entries"]) == 4


def test_text_that_no_cell_holds_goes_beside_the_table(tmp_path):
    long, longer = "x" * 32_768, 'é"\n' * 40_000
    rows = [row(1), row(2) | {"number": long}, row(3) | {"number": longer}]
    file, writer, _ = bundle_of(spec_of(Format.XLSX, ()), {}, rows, spool_dir=tmp_path)
    archive = zipfile.ZipFile(file)
    assert archive.namelist() == ["long-text.csv", "invoices.xlsx", "manifest.json"]
    assert lines(archive.read("long-text.csv")) == [
        ["row", "column", "text"],
        ["2", "Number", long],
        ["3", "Number", longer],
    ]
    sheet = openpyxl.load_workbook(io.BytesIO(archive.read("invoices.xlsx"))).active
    assert [c.value for (c,) in sheet.iter_rows(min_row=2)] == [
        "F-1",
        "[32,768 characters: long-text.csv, row 2]",
        "[120,000 characters: long-text.csv, row 3]",
    ]
    assert [(w.code, w.count) for w in writer.warnings] == [("LONG_TEXT_BUNDLED", 2)]


def test_the_table_may_stand_beside_the_archive_of_its_attachments(tmp_path):
    spec, table, beside = spec_of(), io.BytesIO(), io.BytesIO()
    archive = Archive(beside, MOMENT, tmp_path)
    writer = BundleWriter(spec, Targets(table, archive), opener({"e/u1.xml": b"<a/>"}), tmp_path)
    writer.write(batch_of(spec, [row(1)]))
    writer.close()
    writer.finish({})
    assert lines(table.getvalue()) == [["Number", "files"], ["F-1", "files/invoice.cfdi.xml/1_u1.xml"]]
    names = zipfile.ZipFile(beside).namelist()
    assert names == ["files/invoice.cfdi.xml/1_u1.xml", "missing-files.csv", "manifest.json"]


def test_several_file_types_of_one_row_are_told_apart(tmp_path):
    same = AttachmentSpec("Invoice.CFDI.xml", FILES, "{entity}/{uuid}.xml")
    spec = spec_of(Format.JSON, (XML, same))
    file, _, _ = bundle_of(spec, {"e/u1.xml": b"<a/>"}, [row(1)], spool_dir=tmp_path)
    archive = zipfile.ZipFile(file)
    assert len({name.casefold() for name in archive.namelist()}) == 4
    assert json.loads(archive.read("invoices.json"))[0]["files"] == archive.namelist()[:2]
