"""Idempotency-Key: the request_id of a create."""

import re
import secrets

from aiohttp import web
from google.protobuf.message import Message

from exportd.v1.export_service_pb2 import CreateExportRequest
from exportd_client.errors import Violation
from services.gateway.http.problems import invalid

HEADER = "Idempotency-Key"
_KEY = re.compile('([!#-~]{1,128})|"([!#-~]{1,128})"')


def key_of(request: web.Request) -> str:
    """Return the key; empty if there is none. Raises InvalidArgument."""
    given = request.headers.getall(HEADER, [])
    if len(given) > 1:
        raise invalid(Violation(HEADER, f"is there {len(given)} times; give it once"))
    found = _KEY.fullmatch(given[0]) if given else None
    if given and not found:
        raise invalid(Violation(HEADER, "must be 1 to 128 visible ASCII characters"))
    return found[1] or found[2] if found else ""


def make_repeatable(request: web.Request, message: Message) -> None:
    """Give a create the key as its request_id, or a new one, so that the gateway may repeat the call.

    Raises InvalidArgument if another request_id is in the body, or if the method has none.
    """
    key = key_of(request)
    if not isinstance(message, CreateExportRequest):
        if key:
            raise invalid(Violation(HEADER, "only a create can be given a key"))
        return
    if key and message.request_id not in ("", key):
        raise invalid(Violation("request_id", f"is not the {HEADER}; give one of both"))
    if not message.validate_only:
        message.request_id = message.request_id or key or secrets.token_hex(16)
