"""The door for clients of XDENT Enterprise exports."""

import json
from typing import Any

from aiohttp import web

from exportd.v1.export_pb2 import Export
from exportd.v1.export_service_pb2 import (
    CancelExportRequest,
    DownloadFileRequest,
    GetExportRequest,
    ListExportsRequest,
)
from exportd_client.errors import NotFound
from services.gateway.http.doors import Surroundings
from services.gateway.http.downloads import Downloads
from services.gateway.http.idempotency import make_repeatable
from services.gateway.http.missing import by_its_id
from services.gateway.upstream.api import Caller
from services.gateway.xdent.documents import export_document
from services.gateway.xdent.requests import create_request

MAX_QUEUED = 10_000
"""Most exports in the list of those that wait."""

_PAGE = 1000
_NO_LONGER_QUEUED = ("NOT_QUEUED", "ILLEGAL_TRANSITION")


class XdentDoor:
    """`/api/v1/ExportRequest` and `/api/v1/ExportResult`."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._downloads = Downloads(surroundings)

    def add_routes(self, application: web.Application) -> None:
        """Add all routes."""
        for verb, path, handler in (
            ("POST", "/api/v1/ExportRequest/{type}", self._create),
            ("DELETE", "/api/v1/ExportRequest/Cancel/{id}", self._cancel),
            ("GET", "/api/v1/ExportResult/Status/{id}", self._status),
            ("GET", "/api/v1/ExportResult/Queued", self._queued),
            ("GET", "/api/v1/ExportResult/Download/{id}", self._download),
            ("HEAD", "/api/v1/ExportResult/Download/{id}", self._download),
        ):
            application.router.add_route(verb, path, handler)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        caller = self._around.credentials.of(request)
        message = create_request(_named(request, "type"), request.query)
        make_repeatable(request, message)
        return _document(export_document(await self._around.api.call("CreateExport", message, caller)))

    async def _status(self, request: web.Request) -> web.StreamResponse:
        caller = self._around.credentials.of(request)
        return _document(export_document(await self._export(request, caller)))

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        caller = self._around.credentials.of(request)
        message = CancelExportRequest(export_id=_named(request, "id"), only_if_queued=True)
        with by_its_id(*_NO_LONGER_QUEUED):
            export = await self._around.api.call("CancelExport", message, caller)
        return _document(export_document(export))

    async def _queued(self, request: web.Request) -> web.StreamResponse:
        caller = self._around.credentials.of(request)
        message = ListExportsRequest(states=[Export.STATE_QUEUED], page_size=_PAGE)
        waiting: list[dict[str, Any]] = []
        while len(waiting) < MAX_QUEUED:
            page = await self._around.api.call("ListExports", message, caller)
            waiting += [export_document(export) for export in page.exports]
            message.page_token = page.next_page_token
            if not message.page_token:
                break
        return _document(waiting[:MAX_QUEUED])

    async def _download(self, request: web.Request) -> web.StreamResponse:
        caller = self._around.credentials.of(request)
        export = await self._export(request, caller)
        if export.HasField("file") and export.file.extension != "zip":
            raise NotFound("the export was created elsewhere: its file is no ZIP", reason="FILE_NOT_FOUND")
        source = DownloadFileRequest(export_id=export.id)
        return await self._downloads.answer(request, source, caller)

    async def _export(self, request: web.Request, caller: Caller) -> Export:
        message = GetExportRequest(export_id=_named(request, "id"))
        with by_its_id():
            export: Export = await self._around.api.call("GetExport", message, caller)
        return export


def _named(request: web.Request, name: str) -> str:
    return request.match_info[name].encode(errors="replace").decode()


def _document(body: Any) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), content_type="application/json")
