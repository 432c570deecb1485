"""The door for clients of Syntage Exports."""

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from exportd.v1.export_service_pb2 import DownloadFileRequest, GetExportRequest, GetFileRequest
from exportd_client.errors import ExportdError
from services.gateway.http.doors import Surroundings
from services.gateway.http.downloads import Downloads
from services.gateway.http.idempotency import make_repeatable
from services.gateway.http.missing import by_its_id
from services.gateway.http.problems import MEDIA_TYPE, answer, headers_of, status_of
from services.gateway.http.request_ids import request_id_of
from services.gateway.syntage import contexts
from services.gateway.syntage.collections import collection_document, list_request
from services.gateway.syntage.contexts import JSON_LD, with_context
from services.gateway.syntage.documents import error_document, export_document, file_document
from services.gateway.syntage.requests import create_request

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SyntageDoor:
    """`/exports`, `/files` and the contexts of their documents."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._downloads = Downloads(surroundings)

    def add_routes(self, application: web.Application) -> None:
        """Add all routes."""
        for verb, path, handler in (
            ("POST", "/exports", self._create),
            ("GET", "/exports", self._list),
            ("GET", "/exports/{id}", self._export),
            ("GET", "/files/{id}", self._file),
            ("GET", "/files/{id}/download", self._download),
            ("HEAD", "/files/{id}/download", self._download),
            ("GET", contexts.PATH, _context),
        ):
            application.router.add_route(verb, path, _telling(handler))

    async def _create(self, request: web.Request) -> web.StreamResponse:
        caller = self._around.credentials.of(request)
        message = create_request(await self._around.bodies.json(request))
        make_repeatable(request, message)
        export = await self._around.api.call("CreateExport", message, caller)
        location = {"Location": f"/exports/{export.id}"}
        return _document(request, export_document(export), HTTPStatus.ACCEPTED, location)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        caller, message = self._around.credentials.of(request), list_request(request.query)
        page = await self._around.api.call("ListExports", message, caller)
        return _document(request, collection_document(page, request.query))

    async def _export(self, request: web.Request) -> web.StreamResponse:
        caller, message = self._around.credentials.of(request), GetExportRequest(export_id=_id(request))
        with by_its_id():
            export = await self._around.api.call("GetExport", message, caller)
        return _document(request, export_document(export))

    async def _file(self, request: web.Request) -> web.StreamResponse:
        caller, message = self._around.credentials.of(request), GetFileRequest(file_id=_id(request))
        with by_its_id():
            file = await self._around.api.call("GetFile", message, caller)
        return _document(request, file_document(file))

    async def _download(self, request: web.Request) -> web.StreamResponse:
        caller, source = self._around.credentials.of(request), DownloadFileRequest(file_id=_id(request))
        with by_its_id():
            return await self._downloads.answer(request, source, caller)


def _id(request: web.Request, variable: str = "id") -> str:
    return request.match_info[variable].encode(errors="replace").decode()


async def _context(request: web.Request) -> web.StreamResponse:
    """Answer with a context, which needs no key: it is the same in every installation."""
    if _id(request, "name") not in contexts.NAMES:
        raise web.HTTPNotFound(text=f"there is no such context; there are {', '.join(contexts.NAMES)}")
    return _json_ld(contexts.context_document())


def _document(
    request: web.Request,
    body: dict[str, Any],
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
) -> web.Response:
    return _json_ld(with_context(request, body), status, headers)


def _json_ld(
    body: dict[str, Any], status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> web.Response:
    return web.Response(status=status, body=json.dumps(body).encode(), headers=headers, content_type=JSON_LD)


def _telling(handler: _Handler) -> _Handler:
    """Answer errors in the form of Syntage."""

    async def told(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ExportdError as error:
            body = error_document(error, request_id_of(request))
            return answer(status_of(error), body, headers_of(error), MEDIA_TYPE)

    return told
