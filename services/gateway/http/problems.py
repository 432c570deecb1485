"""Errors as HTTP: the status of each, and the document of RFC 9457."""

import json
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from exportd_client.errors import AccessRefused, ExportdError, InvalidArgument, Violation

MEDIA_TYPE = "application/problem+json"
MAX_VIOLATIONS = 10
"""How many mistakes of a request are named."""

PASSING_S = 2
"""Retry-After where the api does not answer: it is dialled again within this time."""

_BY_CODE: Mapping[str, HTTPStatus] = {
    "INVALID_ARGUMENT": HTTPStatus.BAD_REQUEST,
    "UNAUTHENTICATED": HTTPStatus.UNAUTHORIZED,
    AccessRefused.default_code: HTTPStatus.FORBIDDEN,
    "NOT_FOUND": HTTPStatus.NOT_FOUND,
    "ALREADY_EXISTS": HTTPStatus.CONFLICT,
    "FAILED_PRECONDITION": HTTPStatus.CONFLICT,
    "ABORTED": HTTPStatus.PRECONDITION_FAILED,
    "OUT_OF_RANGE": HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    "RESOURCE_EXHAUSTED": HTTPStatus.TOO_MANY_REQUESTS,
    "UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "DATA_LOSS": HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""Of errors of the api, which have a reason. Other codes are internal errors."""

_BY_REASON: Mapping[str, HTTPStatus] = {"EXPORT_DELETED": HTTPStatus.GONE, "FILE_EXPIRED": HTTPStatus.GONE}
"""Where the code says less than HTTP can."""

_OF_TRANSPORT: Mapping[str, HTTPStatus] = {
    "UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "CANCELLED": HTTPStatus.SERVICE_UNAVAILABLE,
    "DEADLINE_EXCEEDED": HTTPStatus.GATEWAY_TIMEOUT,
}
"""Of errors without a reason: no answer of the api. Their texts name its address, and are not shown."""

_TEXTS = {
    HTTPStatus.SERVICE_UNAVAILABLE: "exportd cannot be reached now; try again later",
    HTTPStatus.GATEWAY_TIMEOUT: "exportd did not answer in time; it may have done what was asked",
    HTTPStatus.BAD_GATEWAY: "exportd gave an answer that the gateway does not understand",
}


def status_of(error: ExportdError) -> HTTPStatus:
    """Return the status of an answer."""
    if not error.reason:
        return _OF_TRANSPORT.get(error.code, HTTPStatus.BAD_GATEWAY)
    return _BY_REASON.get(error.reason) or _BY_CODE.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)


def text_of(error: ExportdError) -> str:
    """Return what the caller may read of an error."""
    return error.message if error.reason else _TEXTS[status_of(error)]


def headers_of(error: ExportdError) -> dict[str, str]:
    """Return the headers that belong to an error: when to ask again, how to authenticate."""
    status = status_of(error)
    if error.retry_after is not None:
        return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": str(PASSING_S)}
    return {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}


def document_of(error: ExportdError, request_id: str) -> dict[str, Any]:
    """Return the document of an error."""
    return {
        **document(status_of(error), text_of(error), request_id),
        "code": error.code,
        "reason": error.reason,
        "metadata": error.metadata,
        "violations": [{"field": each.field, "description": each.description} for each in error.violations],
    }


def document(status: HTTPStatus, detail: str, request_id: str) -> dict[str, Any]:
    """Return the document of an error that HTTP itself describes."""
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "requestId": request_id,
    }


def answer(status: HTTPStatus, body: Mapping[str, Any], headers: Mapping[str, str], media_type: str) -> web.Response:
    """Return an answer with a document."""
    return web.Response(status=status, body=json.dumps(body).encode(), headers=headers, content_type=media_type)


def problem(error: ExportdError, request_id: str) -> web.Response:
    """Return the answer for an error."""
    return answer(status_of(error), document_of(error, request_id), headers_of(error), MEDIA_TYPE)


def invalid(*found: Violation) -> InvalidArgument:
    """Return the error of a request whose fields have mistakes, as the api would send it: with the first ones."""
    violations = found[:MAX_VIOLATIONS]
    text = "; ".join(f"{each.field}: {each.description}" if each.field else each.description for each in violations)
    return InvalidArgument(text, reason="INVALID_REQUEST", violations=violations)


def bad_credentials(text: str) -> AccessRefused:
    """Return the error of a request whose credentials cannot be used."""
    return AccessRefused(text, code="UNAUTHENTICATED", reason="BAD_CREDENTIALS")
