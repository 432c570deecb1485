"""Exports, files and errors as documents of Syntage."""

import re
from collections.abc import Mapping
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from exportd.v1.export_pb2 import Export, File, Format
from exportd_client.enums import name_of, state_name
from exportd_client.errors import ExportdError, InvalidArgument
from services.gateway.http.problems import status_of, text_of

_STATUS: Mapping[str, str] = {
    "QUEUED": "pending",
    "PROCESSING": "running",
    "COMPLETED": "finished",
    "FAILED": "pending",  # it will run again
    "CANCELLED": "failed",
}
_PARAMETERS: Mapping[str, str] = {"page_token": "cursor", "page_size": "itemsPerPage"}
"""Fields that have another name in the dialect."""

_WORDS = re.compile("_([a-z])")


def export_document(export: Export) -> dict[str, Any]:
    """Return an export. `file` is there once there is one, and `attachmentsFile` with attachments."""
    path = f"/exports/{export.id}"
    files = {"file": export.file, "attachmentsFile": export.attachments_file}
    fields = {"file": "file", "attachmentsFile": "attachments_file"}
    return {
        "@id": path,
        "@type": "Export",
        "id": export.id,
        "format": name_of(Format, export.format).lower(),
        "fileTypes": list(export.file_types),
        "status": _STATUS[state_name(export)],
        "uri": export.uri,
        **{name: file_document(file) for name, file in files.items() if export.HasField(fields[name])},  # type: ignore[arg-type]
        "createdAt": time_text(export.create_time),
        "updatedAt": time_text(export.update_time),
    }


def file_document(file: File) -> dict[str, Any]:
    """Return a file."""
    return {
        "@id": f"/files/{file.id}",
        "@type": "File",
        "id": file.id,
        "type": file.type,
        "resource": f"/exports/{file.export_id}",
        "mimeType": file.media_type,
        "extension": file.extension,
        "size": file.size_bytes,
        "filename": file.filename,
    }


def error_document(error: ExportdError, request_id: str) -> dict[str, Any]:
    """Return an error: a ConstraintViolation for a request with mistakes."""
    status = status_of(error)
    invalid = isinstance(error, InvalidArgument)
    document: dict[str, Any] = {
        "@type": "ConstraintViolation" if invalid else "Error",
        "title": status.phrase,
        "status": status.value,
        "detail": text_of(error),
        "reason": error.reason,
        "requestId": request_id,
    }
    if invalid:
        document["violations"] = [
            {"propertyPath": property_path(each.field), "message": each.description} for each in error.violations
        ]
    return document


def property_path(field: str) -> str:
    """Return the path of a field in camelCase: `file_types[0]` is `fileTypes[0]`."""
    return _PARAMETERS.get(field) or _WORDS.sub(lambda found: found[1].upper(), field)


def time_text(time: Timestamp) -> str:
    """Return a time in UTC with milliseconds: 2026-06-16T14:30:00.000Z."""
    whole = time.ToDatetime().isoformat(timespec="milliseconds")
    return f"{whole}Z"
