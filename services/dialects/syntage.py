"""Exports, files and events as documents of Syntage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

STATUS: Mapping[str, str] = {
    "QUEUED": "pending",
    "PROCESSING": "running",
    "COMPLETED": "finished",
    "FAILED": "pending",  # it will run again
    "CANCELLED": "failed",
}
"""The status of each state of an export."""

ENDED = frozenset({"finished", "failed"})
"""Each status that ends a run."""

EXPORT_CREATED = "export.created"
EXPORT_UPDATED = "export.updated"
FILE_CREATED = "file.created"


@dataclass(frozen=True, slots=True)
class SyntageFile:
    """What a document says about a file."""

    id: str
    export_id: str
    type: str
    media_type: str
    extension: str
    size_bytes: int
    filename: str


@dataclass(frozen=True, slots=True)
class SyntageExport:
    """What a document says about an export. `format` is in lower case, `state` one of the names in STATUS."""

    id: str
    format: str
    file_types: Sequence[str]
    state: str
    uri: str
    create_time: datetime
    update_time: datetime
    file: SyntageFile | None
    attachments_file: SyntageFile | None


def export_document(export: SyntageExport) -> dict[str, Any]:
    """Return an export. `file` is there once there is one, and `attachmentsFile` with attachments."""
    files = {"file": export.file, "attachmentsFile": export.attachments_file}
    return {
        "@id": export_path(export.id),
        "@type": "Export",
        "id": export.id,
        "format": export.format,
        "fileTypes": list(export.file_types),
        "status": STATUS[export.state],
        "uri": export.uri,
        **{name: file_document(file) for name, file in files.items() if file is not None},
        "createdAt": time_text(export.create_time),
        "updatedAt": time_text(export.update_time),
    }


def file_document(file: SyntageFile) -> dict[str, Any]:
    """Return a file."""
    return {
        "@id": file_path(file.id),
        "@type": "File",
        "id": file.id,
        "type": file.type,
        "resource": export_path(file.export_id),
        "mimeType": file.media_type,
        "extension": file.extension,
        "size": file.size_bytes,
        "filename": file.filename,
    }


def changed_status(before: str, after: str) -> dict[str, Any]:
    """Return the `changes` between two states of an export; empty if both have the same status."""
    old, new = STATUS[before], STATUS[after]
    return {} if old == new else {"status": {"old": old, "new": new}}


def export_path(export_id: str) -> str:
    """Return the path of an export, which is its `@id`."""
    return f"/exports/{export_id}"


def file_path(file_id: str) -> str:
    """Return the path of a file, which is its `@id`."""
    return f"/files/{file_id}"


def time_text(time: datetime) -> str:
    """Return a time in UTC with milliseconds: 2026-06-16T14:30:00.000Z."""
    whole = time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return f"{whole}Z"
