"""Around every request: its id, its log line, its metrics, and errors that nobody else has turned into answers."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from http import HTTPMethod, HTTPStatus
from typing import Any

from aiohttp import web

from exportd_client.errors import ExportdError
from services.gateway.http.problems import MEDIA_TYPE, answer, document, problem
from services.gateway.http.request_ids import HEADER, KEY, request_id_of, take
from services.gateway.metrics import GatewayMetrics
from services.runtime import logs
from services.runtime.tracing.context import TRACEPARENT, log_fields
from services.runtime.tracing.serving import NOT_TRACED, Serving
from services.runtime.tracing.tracer import NOTHING, Span
from services.runtime.tracing.words import Attribute

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SECRETS = re.compile("(ex[a-z]_)[0-9A-Za-z]+")
_GONE = 499
"""What the log and the metrics have for a request whose caller left."""

_UNKNOWN = "unknown"
_METHODS = frozenset(HTTPMethod)
_HTTP_METHOD, _HTTP_ROUTE = Attribute.HTTP_METHOD, Attribute.HTTP_ROUTE
PROBES = frozenset({"/healthz", "/readyz"})
"""They are asked every few seconds, and have no spans."""

_TELLING = ("Allow", "Accept")
"""Headers of an error that say what is allowed instead."""

SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Headers of every answer that does not set them itself: nothing here is a page, or for a shared cache."""


def without_secrets(path: str) -> str:
    """Return a path in which nobody can read the tokens of links, or keys that somebody has put there."""
    return _SECRETS.sub(r"\1…", path)


class Around:
    """The middleware. `under_way` are the tasks of the requests that have begun and not ended."""

    def __init__(self, metrics: GatewayMetrics, serving: Serving = NOT_TRACED) -> None:
        self._metrics = metrics
        self._serving = serving
        self.under_way: set[asyncio.Task[Any]] = set()

    def middleware(self) -> Any:
        """Return it in the form that aiohttp takes."""

        @web.middleware
        async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._handled(request, handler)

        return around

    async def _handled(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in PROBES:
            return await self._answered(request, handler, NOTHING)
        method, route = _method(request), _route(request)
        traceparents, of = request.headers.getall(TRACEPARENT, []), {_HTTP_METHOD: method, _HTTP_ROUTE: route}
        with self._serving.span(f"{method} {route}", traceparents, of) as span:
            return await self._answered(request, handler, span)

    async def _answered(self, request: web.Request, handler: Handler, span: Span) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        self.under_way.add(task)
        logs.begin(request_id=take(request), **log_fields())
        started, status = asyncio.get_running_loop().time(), _GONE
        try:
            response = await _answered(request, handler)
            status = response.status
        finally:
            self.under_way.discard(task)
            self._account(request, status, asyncio.get_running_loop().time() - started)
            _note(span, status)
        return response

    def _account(self, request: web.Request, status: int, seconds: float) -> None:
        route = _route(request)
        self._metrics.answered(route, "any" if route == _UNKNOWN else request.method, status, seconds)
        logs.get().info(
            "request",
            method=request.method,
            path=without_secrets(request.path),
            status=status,
            ms=round(seconds * 1000, 2),
        )


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else _UNKNOWN


def _method(request: web.Request) -> str:
    """Return the method, as OpenTelemetry wants it: no free text of a caller."""
    return request.method if request.method in _METHODS else "_OTHER"


def _note(span: Span, status: int) -> None:
    span.note({Attribute.HTTP_STATUS: status})
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.fail(str(status))


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ExportdError as error:
        return problem(error, request_id_of(request))
    except web.HTTPException as refused:
        return _of_http(request, refused)
    except (asyncio.CancelledError, ConnectionError):  # the caller left
        raise
    except Exception:  # noqa: BLE001 - a defect: the caller gets an answer, and the log has the rest
        logs.get().exception("request_failed")
        return _of_status(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal error")


def _of_http(request: web.Request, refused: web.HTTPException) -> web.Response:
    status = HTTPStatus(refused.status)
    text = refused.text if refused.text and not refused.text.startswith(f"{refused.status}:") else status.description
    response = _of_status(request, status, text)
    response.headers.update({name: refused.headers[name] for name in _TELLING if name in refused.headers})
    if status in (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_TIMEOUT):
        response.force_close()  # the rest of the body is not read
    return response


def _of_status(request: web.Request, status: HTTPStatus, text: str) -> web.Response:
    return answer(status, document(status, text, request_id_of(request)), {}, MEDIA_TYPE)


async def complete_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that every answer has. aiohttp calls it before the head of an answer is sent."""
    for name, value in SAFE.items():
        response.headers.setdefault(name, value)
    if KEY in request:
        response.headers.setdefault(HEADER, request_id_of(request))
    response.headers["Server"] = "exportd"
