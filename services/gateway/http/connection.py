"""A connection, whose requests aiohttp reads. A request that cannot be read is answered as every other mistake."""

import secrets
from http import HTTPStatus

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from services.gateway.http.limits import MAX_LINE_BYTES
from services.gateway.http.middleware import SAFE
from services.gateway.http.problems import MEDIA_TYPE, answer, document
from services.gateway.http.request_ids import HEADER
from services.runtime import logs

_TEXTS = {
    HTTPStatus.BAD_REQUEST: "the request is no HTTP that can be read in one way only",
    HTTPStatus.REQUEST_URI_TOO_LONG: "the first line of the request is too long",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "a header field is too long",
}


class Connection(RequestHandler):
    """Serves the requests of one connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        """Return the answer to a request that cannot be read, and close the connection."""
        found = _status_of(status, exc)
        request_id = secrets.token_hex(16)
        logs.get().warning("request_unreadable", request_id=request_id, status=found.value, error=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun")
        body = document(found, _TEXTS.get(found, found.description), request_id)
        response = answer(found, body, {**SAFE, HEADER: request_id, "Server": "exportd"}, MEDIA_TYPE)
        response.force_close()
        return response


def _status_of(status: int, error: BaseException | None) -> HTTPStatus:
    if not isinstance(error, LineTooLong):
        return HTTPStatus(status)
    _, limit, *_ = error.args
    is_first_line = str(limit) == str(MAX_LINE_BYTES)
    return HTTPStatus.REQUEST_URI_TOO_LONG if is_first_line else HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
