"""Specs for a test, and what reading a source by them gives."""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from services.contract.formats import Format
from services.contract.outcome import ExportWarning, MatchedBy
from services.contract.spec import (
    All,
    AttachmentSpec,
    ColumnSpec,
    ColumnType,
    Filter,
    JobSpec,
    Kind,
    OrderTerm,
    Page,
    Relation,
    SourceRef,
    TableOptions,
)
from services.worker.ports import Reading, Source
from services.worker.schema import arrow_schema
from services.worker.sources.access import RowOptions
from services.worker.sources.files.settings import CsvSettings, ParquetSettings
from services.worker.sources.kind import SourceSettings
from services.worker.sources.rows import mask
from services.worker.sources.sources import Sources
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from services.worker.sources.stores.s3 import ObjectRoot

ATTACHMENT = AttachmentSpec("invoice.xml", SourceRef("files", "folder"), "{folder}/{id}.xml")
Place = Path | ObjectRoot | SourceSettings


class Read(NamedTuple):
    """One reading, done: `rows` without the hidden columns, which are in `hidden`."""

    rows: list[dict[str, Any]]
    hidden: list[dict[str, Any]]
    matched: int
    total: int
    matched_by: MatchedBy
    warnings: list[ExportWarning]


def type_of(name: str) -> ColumnType:
    decimal = re.fullmatch(r"decimal\((\d+),(\d+)\)", name)
    return ColumnType(Kind.DECIMAL, int(decimal[1]), int(decimal[2])) if decimal else ColumnType(Kind(name))


def spec_of(
    kind: str,
    columns: dict[str, str],
    *,
    filter: Filter = All(),  # noqa: A002, B008 - as in JobSpec, and frozen
    order: Sequence[OrderTerm] = (OrderTerm("id"),),
    relation: Relation | None = None,
    attachments: tuple[AttachmentSpec, ...] = (),
    page: Page | None = None,
) -> JobSpec:
    default = Relation(table="t") if kind == "sql" else Relation(path=f"*.{kind}")
    return JobSpec(
        collection="Things",
        source=SourceRef("things", kind),
        relation=relation or default,
        key=("id",),
        columns=tuple(ColumnSpec(name, name, name, type_of(t)) for name, t in columns.items()),
        order=tuple(order),
        table=TableOptions(Format.JSONL),
        table_name="things",
        filter=filter,
        attachments=attachments,
        page=page,
    )


SETTINGS: dict[str, Callable[[str, Any], SourceSettings]] = {
    "sql": SqliteSettings,
    "parquet": ParquetSettings,
    "csv": CsvSettings,
}


def settings_of(place: Place, kind: str) -> SourceSettings:
    """The source things, which is a SQLite file, a directory, an object store, or has settings already."""
    return SETTINGS[kind]("things", place) if isinstance(place, Path | ObjectRoot) else place


def opened(place: Place, spec: JobSpec, options: RowOptions = RowOptions()) -> AbstractContextManager[Reading]:  # noqa: B008 - frozen
    return Sources({"things": settings_of(place, spec.source.kind)}).open_rows(spec.source, options).read(spec)


def read(place: Place, spec: JobSpec) -> Read:
    return _rows_read(opened(place, spec), spec)


def read_from(source: Source, spec: JobSpec) -> Read:
    """As it is: with no other guard of limits and masks than its own."""
    return _rows_read(source.read(spec), spec)


def _rows_read(opened_reading: AbstractContextManager[Reading], spec: JobSpec) -> Read:
    with opened_reading as reading:
        return rows_of(reading, spec)


def rows_of(reading: Reading, spec: JobSpec) -> Read:
    """All rows of an open reading. A masked column is text."""
    schema = arrow_schema(mask.spec_for_writers(spec).columns)
    shown, hidden = [], []
    for batch in reading.batches():
        batch.validate(full=True)
        assert batch.schema.names[: len(schema)] == schema.names
        assert batch.schema.types[: len(schema)] == schema.types
        rows = batch.to_pylist()
        shown += [{k: v for k, v in row.items() if not k.startswith("\0")} for row in rows]
        hidden += [{k[1:]: v for k, v in row.items() if k.startswith("\0")} for row in rows]
    return Read(shown, hidden, reading.rows_matched(), reading.rows_total, reading.matched_by, reading.warnings())


Fill = Callable[[str, Iterable[Sequence[Any]]], Path]
