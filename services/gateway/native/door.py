"""The native door: requests become messages of exportd.v1, answers become JSON."""

import json
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from aiohttp import web
from google.protobuf.message import Message
from multidict import MultiDict, MultiMapping

from exportd.v1.export_service_pb2 import DownloadFileRequest, GetDownloadUrlRequest
from exportd_client.errors import Violation
from services.gateway.http import events
from services.gateway.http.doors import Surroundings
from services.gateway.http.downloads import Downloads
from services.gateway.http.idempotency import make_repeatable
from services.gateway.http.problems import invalid
from services.gateway.native.messages import check_empty, from_query, request_from, shown
from services.gateway.native.routes import ROUTES, Route
from services.gateway.upstream.api import Caller
from services.gateway.upstream.methods import METHODS

_REDIRECT = "redirect"
"""The parameter of a download that asks for a redirect to the object store."""

_Answer = Callable[[web.Request, Route, Any, Caller], Awaitable[web.StreamResponse]]


class NativeDoor:
    """Every method of exportd.v1 below /v1/."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._downloads = Downloads(surroundings)
        self._streams: dict[str, _Answer] = {"WatchExport": self._watch, "DownloadFile": self._download}

    def add_routes(self, application: web.Application) -> None:
        """Add all routes. A download can also be asked for by HEAD."""
        for route in ROUTES:
            handler = partial(self._handle, route)
            path = route.path.replace("}", ":[^/:]+}")
            application.router.add_route(route.verb, path, handler)
            if route.method == "DownloadFile":
                application.router.add_route("HEAD", path, handler)

    async def _handle(self, route: Route, request: web.Request) -> web.StreamResponse:
        caller = self._around.credentials.of(request)
        message = await self._message(route, request)
        answer = self._streams.get(route.method, self._call)
        return await answer(request, route, message, caller)

    async def _message(self, route: Route, request: web.Request) -> Message:
        kind = METHODS[route.method].request
        if not route.has_query:
            check_empty(_without_redirect(route, request.query))
            document = await self._around.bodies.json(request) if route.has_body else {}
        else:
            document = from_query(kind, request.query)
        message: Message = request_from(kind, document, request.match_info)
        if route.has_body:
            make_repeatable(request, message)
        return message

    async def _call(self, _request: web.Request, route: Route, message: Message, caller: Caller) -> web.StreamResponse:
        answer = await self._around.api.call(route.method, message, caller)
        return web.Response(body=json.dumps(shown(answer)).encode(), content_type="application/json")

    async def _watch(self, request: web.Request, _route: Route, message: Message, caller: Caller) -> web.StreamResponse:
        changes = self._around.api.watch(message, caller)
        return await events.answer(request, changes, shown, self._around.draining)

    async def _download(
        self, request: web.Request, _route: Route, message: DownloadFileRequest, caller: Caller
    ) -> web.StreamResponse:
        if _REDIRECT not in request.query:
            return await self._downloads.answer(request, message, caller)
        url = await self._around.api.call("GetDownloadUrl", _whole_file(request, message), caller)
        return web.Response(status=HTTPStatus.FOUND, headers={"Location": url.url})


def _without_redirect(route: Route, query: MultiMapping[str]) -> MultiMapping[str]:
    """Return the parameters that are fields of the request."""
    if route.method != "DownloadFile":
        return query
    return MultiDict((name, value) for name, value in query.items() if name != _REDIRECT)


def _whole_file(request: web.Request, message: DownloadFileRequest) -> GetDownloadUrlRequest:
    """Return the request for a URL of the object store. Raises InvalidArgument."""
    if request.query.getall(_REDIRECT) != ["store"]:
        raise invalid(Violation(_REDIRECT, "must be store"))
    if message.file_id:
        return GetDownloadUrlRequest(file_id=message.file_id)
    return GetDownloadUrlRequest(export_id=message.export_id)
