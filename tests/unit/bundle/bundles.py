"""Bundles of a few rows, and what is in them."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from services.contract.formats import Format, LongText, XlsxLayout
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
from services.worker.bundle.archive import Archive
from services.worker.bundle.writer import BundleWriter, Targets
from services.worker.ports import Row
from services.worker.schema import arrow_schema, hidden_columns, hidden_name

MOMENT = datetime(2026, 11, 22, 21, 40, 4, tzinfo=UTC)

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
        table=TableOptions(table_format, xlsx=XlsxLayout(long_text=LongText.BUNDLE)),
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


class Opened:
    """AttachmentFiles that one function opens."""

    def __init__(self, open_: Callable[[AttachmentSpec, str, Row], BinaryIO | None], concurrency: int = 4) -> None:
        self.open = open_
        self.concurrency = concurrency

    def close(self) -> None:
        pass


def opener(files: dict[str, bytes]) -> Opened:
    return Opened(lambda spec, path, row: io.BytesIO(files[path]) if path in files else None)


def writer_to(file: io.BytesIO, spec: JobSpec, files: dict[str, bytes], spool_dir: Path, password: str = ""):
    """A writer that puts everything into one archive."""
    archive = Archive(file, MOMENT, spool_dir, password)
    targets = Targets(archive, archive if spec.attachments else None)
    return BundleWriter(spec, targets, opener(files), spool_dir), archive


def bundle_of(spec: JobSpec, files: dict[str, bytes], *batches: list[dict], spool_dir: Path, password: str = ""):
    """The file, its writer and its archive, done."""
    file = io.BytesIO()
    writer, archive = writer_to(file, spec, files, spool_dir, password)
    for rows in batches:
        writer.write(batch_of(spec, rows))
    writer.close()
    writer.finish({"export_id": "e-1"})
    writer.release()
    return file, writer, archive


def lines(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def manifest_of(archive: zipfile.ZipFile) -> dict:
    return json.loads(archive.read("manifest.json"))
