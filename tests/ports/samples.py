"""Exports, specs and outcomes to drive a store with."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.api.domain.export import Export, Options, StoredFile
from services.api.domain.states import State
from services.contract.codes import FailureCode, UnknownCode, WarningCode
from services.contract.formats import Format, Packaging, XlsxLayout
from services.contract.outcome import Artifact, Consistency, Entry, ExportWarning, Failure, MatchedBy, RunStats
from services.contract.spec import ColumnSpec, ColumnType, JobSpec, Kind, OrderTerm, Relation, SourceRef, TableOptions

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
COLUMN = ColumnSpec("total", "total", "Total", ColumnType(Kind.DECIMAL, 18, 2))
OPTIONS = Options(
    "total[gt]=3",
    (COLUMN,),
    Packaging.AUTO,
    "America/Mexico_City",
    timedelta(days=7),
    "año.xlsx",
    xlsx=XlsxLayout(compact=True),
)
SPEC = JobSpec(
    collection="Invoices",
    source=SourceRef("cfdi", "sql"),
    relation=Relation(table="invoices"),
    key=("id",),
    columns=(COLUMN,),
    order=(OrderTerm("id"),),
    table=TableOptions(Format.XLSX),
    table_name="invoices",
)
STATS = RunStats(
    12, MatchedBy.COUNT, 12, Consistency.SNAPSHOT, as_of=START, warnings=(ExportWarning(UnknownCode("LONG"), "cut", 2),)
)
CRASH = Failure(FailureCode.SOURCE_UNAVAILABLE, "the source did not answer")
DISK_FULL = Failure(FailureCode.DISK_FULL, "the artifact store has no room for the file")

_numbers = itertools.count(1)


def new_id() -> str:
    """Like a UUIDv7 it is greater than those made before."""
    return f"01935a00-0000-7000-8000-{next(_numbers):012x}"


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def new_export(**changed: Any) -> Export:
    queued = Export(
        id=new_id(),
        tenant="acme",
        uri="/entities/7/invoices?total[gt]=3",
        type="Invoices",
        format=Format.XLSX,
        file_types=("invoice.cfdi.xml",),
        labels={"team": "tax"},
        options=OPTIONS,
        warnings=(ExportWarning(WarningCode.BARE_DATE_IN_BEFORE, "a date without a time", 1),),
        state=State.QUEUED,
        version=1,
        run=1,
        attempt=0,
        max_attempts=3,
        cancel_reason=None,
        next_attempt_time=None,
        create_time=START,
        update_time=START,
        start_time=None,
        end_time=None,
        duration=None,
        trace=TRACE,
    )
    return replace(queued, **changed)


def new_file(export_id: str, *, sha256: str = "ab" * 32, now: datetime = START, encrypted: bool = False) -> StoredFile:
    key = f"{export_id}/table.zip"
    entries = (Entry("invoices.xlsx", 4000), Entry("a/b.xml", 9))
    artifact = Artifact(key, 4096, sha256, "application/zip", "zip", entries, entry_count=2, encrypted=encrypted)
    return StoredFile(new_id(), "invoices.zip", artifact, 12, now, now + timedelta(days=7))


def new_attachments(file: StoredFile) -> StoredFile:
    artifact = replace(file.artifact, key=file.artifact.key.replace("table", "attachments"), sha256="ef" * 32)
    return replace(file, id=new_id(), filename="invoices-attachments.zip", artifact=artifact, row_count=0)
