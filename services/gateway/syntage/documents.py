"""Exports, files and errors as documents of Syntage."""

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from exportd.v1.export_pb2 import Export, File, Format
from exportd_client.enums import name_of, state_name
from exportd_client.errors import ExportdError, InvalidArgument
from services.dialects import syntage
from services.dialects.syntage import SyntageExport, SyntageFile
from services.gateway.http.problems import status_of, text_of

_PARAMETERS: Mapping[str, str] = {"page_token": "cursor", "page_size": "itemsPerPage"}
"""Fields that have another name in the dialect."""

_WORDS = re.compile("_([a-z])")


def export_document(export: Export) -> dict[str, Any]:
    """Return an export. `file` is there once there is one, and `attachmentsFile` with attachments."""
    return syntage.export_document(
        SyntageExport(
            id=export.id,
            format=name_of(Format, export.format).lower(),
            file_types=export.file_types,
            state=state_name(export),
            uri=export.uri,
            create_time=export.create_time.ToDatetime(UTC),
            update_time=export.update_time.ToDatetime(UTC),
            file=_syntage_file(export.file) if export.HasField("file") else None,
            attachments_file=_syntage_file(export.attachments_file) if export.HasField("attachments_file") else None,
        )
    )


def file_document(file: File) -> dict[str, Any]:
    """Return a file."""
    return syntage.file_document(_syntage_file(file))


def _syntage_file(file: File) -> SyntageFile:
    return SyntageFile(
        id=file.id,
        export_id=file.export_id,
        type=file.type,
        media_type=file.media_type,
        extension=file.extension,
        size_bytes=file.size_bytes,
        filename=file.filename,
    )


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
