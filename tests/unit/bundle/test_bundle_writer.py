import csv
import gc
import io
import json
import shutil
import subprocess
import zipfile

import openpyxl
import pyarrow as pa
import pytest

from services.contract.formats import Format
from services.contract.spec import (
    AttachmentSpec,
    ColumnSpec,
    ColumnType,
    JobSpec,
    Kind,
    OrderTerm,
    Relation,
    SourceRef,
    TableOptions,
)
from services.worker.bundle.writer import BundleWriter, files_column
from services.worker.schema import arrow_schema, hidden_columns, hidden_name

TEXT = ColumnType(Kind.TEXT)
FILES = SourceRef("files", "folder")
XML = AttachmentSpec("invoice.cfdi.xml", FILES, "{entity}/{uuid}.xml")
PDF = AttachmentSpec("invoice.pdf", FILES, "{entity}/{uuid}.pdf")


def spec_of(table_format=Format.CSV, attachments=(XML, PDF), columns=("number",), key=("id",)) -> JobSpec:
    return JobSpec(
        collection="Invoices",
        source=SourceRef("rows", "sql"),
        relation=Relation(table="invoices"),
        key=key,
        columns=tuple(ColumnSpec(c, c, c.title(), TEXT) for c in columns),
        order=tuple(OrderTerm(k) for k in key),
        table=TableOptions(table_format),
        table_name="invoices",
        attachments=attachments,
    )


def batch_of(spec: JobSpec, rows: list[dict]) -> pa.RecordBatch:
    """As a source gives it: the table's columns first, then the hidden ones."""
    hidden = [(name, hidden_name(name)) for name in hidden_columns(spec)]
    names = [(c.name, c.field) for c in spec.columns] + hidden
    schema = pa.schema([*arrow_schema(spec.columns), *(pa.field(h, pa.large_string()) for _, h in hidden)])
    return pa.RecordBatch.from_pylist([{to: row[name] for name, to in names} for row in rows], schema=schema)


def row(number: int, **values) -> dict:
    return {"id": str(number), "number": f"F-{number}", "entity": "e", "uuid": f"u{number}", **values}


def opener(files: dict[str, bytes]):
    return lambda spec, path: io.BytesIO(files[path]) if path in files else None


def bundle_of(spec: JobSpec, files: dict[str, bytes], *batches: list[dict], spool_dir):
    file = io.BytesIO()
    writer = BundleWriter(file, spec, spool_dir, opener(files))
    for rows in batches:
        writer.write(batch_of(spec, rows))
    writer.close()
    return file, writer


def lines(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def test_attachments_come_first_then_what_is_missing_then_the_table(tmp_path):
    files = {"e/u1.xml": b"<a/>" * 100, "e/u1.pdf": b"%PDF", "e/u2.xml": b"<b/>"}
    file, writer = bundle_of(spec_of(), files, [row(1)], [row(2), row(3, uuid=None)], spool_dir=tmp_path)
    archive = zipfile.ZipFile(file)
    assert archive.testzip() is None
    assert archive.namelist() == [
        "files/invoice.cfdi.xml/1_u1.xml",
        "files/invoice.pdf/1_u1.pdf",
        "files/invoice.cfdi.xml/2_u2.xml",
        "missing-files.csv",
        "invoices.csv",
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
    assert [(e.name, e.size_bytes) for e in writer.entries] == [(i.filename, i.file_size) for i in archive.infolist()]
    assert writer.entry_count == 5


def test_what_is_compressed_already_is_stored(tmp_path):
    files = {"e/u1.xml": b"x" * 1000, "e/u1.pdf": b"x" * 1000}
    file, _ = bundle_of(spec_of(Format.XLSX), files, [row(1)], spool_dir=tmp_path)
    kinds = {i.filename.rsplit(".", 1)[-1]: i.compress_type for i in zipfile.ZipFile(file).infolist()}
    assert kinds == {"xml": zipfile.ZIP_DEFLATED, "pdf": zipfile.ZIP_STORED, "xlsx": zipfile.ZIP_STORED}


@pytest.mark.parametrize("table_format", [Format.JSON, Format.JSONL])
def test_json_names_the_files_of_a_row_in_an_array(tmp_path, table_format):
    spec = spec_of(table_format, (XML,))
    file, _ = bundle_of(spec, {"e/u1.xml": b"1"}, [row(1), row(2)], spool_dir=tmp_path)
    content = zipfile.ZipFile(file).read(f"invoices.{table_format.value.lower()}").decode()
    found = json.loads(content) if table_format is Format.JSON else [json.loads(x) for x in content.splitlines()]
    assert [d["files"] for d in found] == [["files/invoice.cfdi.xml/1_u1.xml"], []]


def test_a_workbook_in_a_bundle_names_the_files_too(tmp_path):
    file, _ = bundle_of(spec_of(Format.XLSX, (XML,)), {"e/u1.xml": b"1"}, [row(1)], spool_dir=tmp_path)
    sheet = openpyxl.load_workbook(io.BytesIO(zipfile.ZipFile(file).read("invoices.xlsx"))).active
    assert [c.value for c in sheet[2]] == ["F-1", "files/invoice.cfdi.xml/1_u1.xml"]
    assert list(tmp_path.iterdir()) == []


def test_without_attachments_the_table_is_the_only_entry_and_has_no_column_more(tmp_path):
    file, writer = bundle_of(spec_of(attachments=()), {}, [row(1)], spool_dir=tmp_path)
    assert zipfile.ZipFile(file).namelist() == ["invoices.csv"]
    assert zipfile.ZipFile(file).read("invoices.csv") == b"Number\r\nF-1\r\n"
    assert writer.warnings == []


@pytest.mark.parametrize("table_format", [Format.CSV, Format.JSON, Format.JSONL, Format.XLSX])
def test_no_rows_at_all_give_a_bundle_with_an_empty_table(tmp_path, table_format):
    file, writer = bundle_of(spec_of(table_format), {}, [], spool_dir=tmp_path)
    assert zipfile.ZipFile(file).namelist() == [f"invoices.{table_format.value.lower()}"]
    assert (writer.rows_written, writer.entry_count) == (0, 1)


def test_entries_are_counted_beyond_the_hundred_that_are_shown(tmp_path):
    rows = [row(n) for n in range(150)]
    file, writer = bundle_of(
        spec_of(attachments=(XML,)), {f"e/u{n}.xml": b"x" for n in range(150)}, rows, spool_dir=tmp_path
    )
    assert (len(writer.entries), writer.entry_count) == (100, 151)
    assert len(zipfile.ZipFile(file).namelist()) == 151


def test_the_column_of_files_gives_way_to_a_column_of_that_name():
    assert files_column(spec_of(columns=("files", "number"))).field == "files_2"


def test_a_stream_of_unknown_size_is_read_to_its_end_and_closed(tmp_path):
    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return False

    content = Stream(b"x" * 3_000_000)
    spec = spec_of(attachments=(XML,))
    file = io.BytesIO()
    writer = BundleWriter(file, spec, tmp_path, lambda _spec, _path: content)
    writer.write(batch_of(spec, [row(1)]))
    writer.close()
    assert len(zipfile.ZipFile(file).read("files/invoice.cfdi.xml/1_u1.xml")) == 3_000_000
    assert content.closed


def test_a_bundle_dropped_halfway_leaves_nothing_behind_and_no_zip(tmp_path):
    spec = spec_of(Format.XLSX)
    path = tmp_path / "bundle.zip"
    with path.open("wb") as file:
        writer = BundleWriter(file, spec, tmp_path, opener({"e/u1.xml": b"x"}))
        writer.write(batch_of(spec, [row(1)]))
    del writer
    gc.collect()
    assert list(tmp_path.iterdir()) == [path]
    assert not zipfile.is_zipfile(path)


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not installed")
def test_unzip_finds_no_fault(tmp_path):
    file, _ = bundle_of(spec_of(), {"e/u1.xml": "é".encode() * 1000}, [row(1, id="É/ключ")], spool_dir=tmp_path)
    path = tmp_path / "bundle.zip"
    path.write_bytes(file.getvalue())
    assert subprocess.run(["unzip", "-tqq", path], check=False, capture_output=True).returncode == 0
