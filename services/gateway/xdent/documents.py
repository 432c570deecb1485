"""Exports as documents of XDENT."""

from typing import Any

from exportd.v1.export_pb2 import Export, Result
from exportd_client.enums import state_name


def export_document(export: Export) -> dict[str, Any]:
    """Return an export, with its result once it is done or an attempt has failed."""
    document: dict[str, Any] = {
        "idExportJob": export.id,
        "exportType": export.type,
        "status": state_name(export),
    }
    if export.HasField("result"):
        document["result"] = _result(export.result)
    return document


def _result(result: Result) -> dict[str, Any]:
    return {
        "success": result.success,
        "errors": [error.message for error in result.errors],
        "durationMs": result.duration_ms,
        "fileSizeBytes": result.file_size_bytes,
        "callbackSent": result.callback_sent,
        "notifyEmailSent": result.notify_email_sent,
    }
