"""Conversions between exports and rows. The two directions of each conversion are next to each other."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from services.api.domain.callbacks import CallbackFormat
from services.api.domain.export import Export, JobError, Options, StoredFile
from services.api.domain.filter_mode import FilterMode
from services.api.storage.sql.column_types import MICROSECOND, SharedObject, from_micros
from services.api.storage.sql.tables import exports
from services.contract.capabilities import requirement_in
from services.contract.codec import spec_from_bytes, spec_to_bytes
from services.contract.codes import warning_code
from services.contract.formats import Compression, CsvDialect, LineTerminator, LongText, Packaging, XlsxLayout
from services.contract.identity import MadeOnce
from services.contract.outcome import Artifact, Entry, ExportWarning, RunStats
from services.contract.spec import ColumnSpec, ColumnType, Invalid, JobSpec, Kind, Mask

Row = sa.RowMapping | Mapping[str, Any]
"""The values of a row, by the names of its columns."""

MAX_COLUMNS_KNOWN = 4096
"""How many columns of files are cached, since most exports have the same columns as others."""

MAX_DIALECTS_KNOWN = 256
MAX_OPTIONS_KNOWN = 256
MAX_SPECS_KNOWN = 32
"""Each may have some hundred kilobytes."""

JOB_COLUMNS = (exports.c.spec, exports.c.sealed_password)
"""The columns of a job besides those of its export; for workers only."""

EXPORT_COLUMNS = tuple(column for column in exports.c if column not in {*JOB_COLUMNS})
"""The columns from which an Export is built."""


NEW_COLUMNS = (
    "id", "tenant", "uri", "type", "format", "file_types", "labels", "options", "warnings", "spec", "encrypted",
    "sealed_password", "state", "version", "run", "attempt", "max_attempts", "create_time", "update_time", "errors",
    "priority", "notify_email", "callback_url", "email_sent", "callback_sent", "lease_confirmed", "lease_count",
    "unconfirmed_count", "requirement", "needs", "given_back_count", "trace",
)  # fmt: skip
"""The columns that `new_row` sets."""

FILE_COLUMNS = (
    *(column.name for column in exports.c if column.name.startswith("file_") and column.name != "file_types"),
    *("attachments_id", "attachments", "rows_matched", "rows_written", "matched_by", "consistency", "as_of"),
    "build_warnings",
)
"""The columns that completing an export writes; see `file_values`."""


def new_row(export: Export, spec: JobSpec, sealed_password: bytes | None) -> dict[str, Any]:
    """Return the row of a new export."""
    return {
        "id": export.id,
        "tenant": export.tenant,
        "uri": export.uri,
        "type": export.type,
        "format": export.format,
        "file_types": list(export.file_types),
        "labels": export.labels,
        "options": _options_to_json(export.options),
        "warnings": warnings_to_json(export.warnings),
        "spec": _spec_to_bytes(spec),
        "encrypted": export.encrypted,
        "sealed_password": sealed_password,
        "state": export.state,
        "version": export.version,
        "run": export.run,
        "attempt": export.attempt,
        "max_attempts": export.max_attempts,
        "create_time": export.create_time,
        "update_time": export.update_time,
        "errors": [],
        "priority": export.priority,
        "notify_email": export.notify_email or None,
        "callback_url": export.callback_url or None,
        "email_sent": False,
        "callback_sent": False,
        "lease_confirmed": False,
        "lease_count": 0,
        "unconfirmed_count": 0,
        "requirement": export.requirement.key,
        "needs": export.requirement.text,
        "given_back_count": 0,
        "trace": export.trace,
    }


def to_export(row: Row) -> Export:
    """Return the export for a row of EXPORT_COLUMNS."""
    return Export(
        id=row["id"],
        tenant=row["tenant"],
        uri=row["uri"],
        type=row["type"],
        format=row["format"],
        file_types=tuple(row["file_types"]),
        labels=row["labels"],
        options=_options_from_json(row["options"]),
        encrypted=row["encrypted"],
        warnings=_warnings_from_json(row["warnings"]),
        state=row["state"],
        version=row["version"],
        run=row["run"],
        attempt=row["attempt"],
        max_attempts=row["max_attempts"],
        cancel_reason=row["cancel_reason"],
        next_attempt_time=row["next_attempt_time"],
        create_time=row["create_time"],
        update_time=row["update_time"],
        start_time=row["start_time"],
        end_time=row["end_time"],
        duration=row["duration"],
        errors=tuple(_error_from_json(entry) for entry in row["errors"]),
        file=_to_file(row) if row["file_id"] is not None else None,
        attachments_file=_to_attachments(row) if row["attachments_id"] is not None else None,
        stats=_to_stats(row) if row["file_id"] is not None else None,
        priority=row["priority"],
        notify_email=row["notify_email"] or "",
        callback_url=row["callback_url"] or "",
        email_sent=row["email_sent"],
        callback_sent=row["callback_sent"],
        requirement=requirement_in(row["needs"]),
        given_back_by=row["given_back_by"] or "",
        trace=row["trace"],
    )


def to_spec(row: Row) -> JobSpec | None:
    """Return the job specification; None if this version cannot read it.

    An exception would block all exports that wait behind it.
    """
    try:
        return spec_from_bytes(row["spec"])
    except ValueError:
        return None


def file_values(file: StoredFile, stats: RunStats, attachments: StoredFile | None) -> dict[str, Any]:
    """Return the values that completing an export writes."""
    artifact = file.artifact
    return {
        "file_id": file.id,
        "file_name": file.filename,
        "file_key": artifact.key,
        "file_size_bytes": artifact.size_bytes,
        "file_sha256": artifact.sha256,
        "file_media_type": artifact.media_type,
        "file_extension": artifact.extension,
        "file_entries": _entries_to_json(artifact.entries),
        "file_entry_count": artifact.entry_count,
        "file_encrypted": artifact.encrypted,
        "file_row_count": file.row_count,
        "file_create_time": file.create_time,
        "file_expire_time": file.expire_time,
        "attachments_id": attachments.id if attachments else None,
        "attachments": _attachments_to_json(attachments) if attachments else None,
        "rows_matched": stats.rows_matched,
        "rows_written": stats.rows_written,
        "matched_by": stats.matched_by,
        "consistency": stats.consistency,
        "as_of": stats.as_of,
        "build_warnings": warnings_to_json(stats.warnings),
    }


def _to_file(row: Row) -> StoredFile:
    artifact = Artifact(
        key=row["file_key"],
        size_bytes=row["file_size_bytes"],
        sha256=row["file_sha256"],
        media_type=row["file_media_type"],
        extension=row["file_extension"],
        entries=_entries_from_json(row["file_entries"]),
        entry_count=row["file_entry_count"],
        encrypted=row["file_encrypted"],
    )
    return StoredFile(
        id=row["file_id"],
        filename=row["file_name"],
        artifact=artifact,
        row_count=row["file_row_count"],
        create_time=row["file_create_time"],
        expire_time=row["file_expire_time"],
    )


def _to_attachments(row: Row) -> StoredFile:
    """Return the file of the attachments. Its times are those of the table's file."""
    stored = row["attachments"]
    return StoredFile(
        id=row["attachments_id"],
        filename=stored["filename"],
        artifact=Artifact(**stored["artifact"] | {"entries": _entries_from_json(stored["artifact"]["entries"])}),
        row_count=0,
        create_time=row["file_create_time"],
        expire_time=row["file_expire_time"],
    )


def _to_stats(row: Row) -> RunStats:
    return RunStats(
        rows_matched=row["rows_matched"],
        matched_by=row["matched_by"],
        rows_written=row["rows_written"],
        consistency=row["consistency"],
        as_of=row["as_of"],
        warnings=_warnings_from_json(row["build_warnings"]),
    )


# ---- lists and objects as JSON


def _attachments_to_json(file: StoredFile) -> dict[str, Any]:
    artifact = asdict(file.artifact) | {"entries": _entries_to_json(file.artifact.entries)}
    return {"filename": file.filename, "artifact": artifact}


def _entries_to_json(entries: Iterable[Entry]) -> list[list[str | int]]:
    return [[entry.name, entry.size_bytes] for entry in entries]


def _entries_from_json(stored: list[Any]) -> tuple[Entry, ...]:
    return tuple(Entry(name, size) for name, size in stored)


def warnings_to_json(warnings: Iterable[ExportWarning]) -> list[list[str | int]]:
    return [[w.code, w.message, w.count] for w in warnings]


def _warnings_from_json(stored: list[Any]) -> tuple[ExportWarning, ...]:
    return tuple(ExportWarning(warning_code(code), message, count) for code, message, count in stored)


def _options_as_json(options: Options) -> SharedObject:
    return SharedObject(
        {
            "query": options.query,
            "columns": [_column_to_json(column) for column in options.columns],
            "packaging": options.packaging.value,
            "time_zone": options.time_zone,
            "ttl": options.ttl // MICROSECOND,
            "filename": options.filename,
            "csv": _csv_to_json(options.csv) if options.csv else None,
            "xlsx": _xlsx_to_json(options.xlsx) if options.xlsx else None,
            "compression": options.compression.value,
            "filter_mode": options.filter_mode.value,
            "by_changes": options.by_changes,
            "mail_links": options.mail_links,
            "callback_format": options.callback_format.value,
        }
    )


@lru_cache(MAX_DIALECTS_KNOWN)
def _csv_to_json(csv: CsvDialect) -> Mapping[str, Any]:
    return asdict(csv) | {"line_terminator": csv.line_terminator.value}


@lru_cache(MAX_DIALECTS_KNOWN)
def _xlsx_to_json(xlsx: XlsxLayout) -> Mapping[str, Any]:
    return asdict(xlsx) | {"long_text": xlsx.long_text.value}


def _options_from_json(stored: dict[str, Any]) -> Options:
    return _options_of_shared(stored) if isinstance(stored, SharedObject) else _options_of(stored)


def _options_of(stored: dict[str, Any]) -> Options:
    """Return the options. Values that earlier schemas did not store get their defaults."""
    csv, xlsx = stored.get("csv"), stored.get("xlsx")
    return Options(
        query=stored["query"],
        columns=tuple(_column_from_json(*column) for column in stored["columns"]),
        packaging=Packaging(stored["packaging"]),
        time_zone=stored["time_zone"],
        ttl=timedelta(microseconds=stored["ttl"]),
        filename=stored["filename"],
        csv=CsvDialect(**csv | {"line_terminator": LineTerminator(csv["line_terminator"])}) if csv else None,
        xlsx=XlsxLayout(**xlsx | {"long_text": LongText(xlsx["long_text"])}) if xlsx else None,
        compression=Compression(stored.get("compression", Compression.NONE.value)),
        filter_mode=FilterMode(stored.get("filter_mode", FilterMode.STRICT.value)),
        by_changes=stored.get("by_changes", False),
        mail_links=stored.get("mail_links", False),
        callback_format=CallbackFormat(stored.get("callback_format", CallbackFormat.XDENT.value)),
    )


_options_to_json = MadeOnce(_options_as_json, MAX_OPTIONS_KNOWN)
_options_of_shared = MadeOnce(_options_of, MAX_OPTIONS_KNOWN)
_spec_to_bytes = MadeOnce(spec_to_bytes, MAX_SPECS_KNOWN)


def _column_to_json(column: ColumnSpec) -> list[Any]:
    kind = column.type
    mask = column.mask.value if column.mask else None
    invalid = column.invalid.value if column.invalid else None
    return [column.name, column.field, column.header, kind.kind.value, kind.precision, kind.scale, mask, invalid]


@lru_cache(MAX_COLUMNS_KNOWN)
def _column_from_json(  # noqa: PLR0917
    name: str, field: str, header: str, kind: str, precision: int, scale: int, mask: str | None = None,
    invalid: str | None = None,
) -> ColumnSpec:  # fmt: skip
    """Return a column. Columns stored before masks have six parts, those before invalid values seven."""
    type_ = ColumnType(Kind(kind), precision, scale)
    return ColumnSpec(name, field, header, type_, Mask(mask) if mask else None, Invalid(invalid) if invalid else None)


def _error_from_json(stored: dict[str, Any]) -> JobError:
    """Return an error. The reverse conversion is done in SQL: see transitions.py."""
    return JobError(
        stored["attempt"], stored["code"], stored["message"], from_micros(stored["time"]), stored.get("run", 1)
    )
