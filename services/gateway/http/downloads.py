"""Sends a file: whole or a part, piece by piece, never faster than the caller reads."""

import base64
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus

from aiohttp import web

from exportd.v1.export_pb2 import File
from exportd.v1.export_service_pb2 import DownloadFileRequest
from exportd_client.errors import ExportdError
from services.gateway.http.doors import Surroundings
from services.gateway.http.file_names import disposition
from services.gateway.http.problems import MEDIA_TYPE, answer, document
from services.gateway.http.ranges import Part, Unsatisfiable, is_another, is_known, part_of
from services.gateway.http.request_ids import request_id_of
from services.gateway.upstream.api import Caller
from services.gateway.upstream.download import Download
from services.runtime import logs

_OWN = "private, no-transform, max-age=0"
"""For the cache of the caller alone, which asks each time whether the file is still there."""
_CONDITIONS = ("Range", "If-None-Match", "If-Match")


class Downloads:
    """Answers requests for the bytes of a file."""

    def __init__(self, surroundings: Surroundings, *, may_be_kept: bool = True) -> None:
        """With `may_be_kept` false no browser keeps the file for later."""
        self._cache_control = _OWN if may_be_kept else "no-store, no-transform"
        self._api = surroundings.api
        self._sent_bytes = surroundings.metrics.sent_bytes

    async def answer(self, request: web.Request, source: DownloadFileRequest, caller: Caller) -> web.StreamResponse:
        """Answer with the file of `source`, or with what the conditions of the request say. Raises ExportdError."""
        if request.method == "HEAD" or any(name in request.headers for name in _CONDITIONS):
            return await self._conditional(request, source, caller)
        async with self._begun(source, caller) as download:
            return await self._send(request, download, None)

    async def _conditional(
        self, request: web.Request, source: DownloadFileRequest, caller: Caller
    ) -> web.StreamResponse:
        file = await self._file(source, caller)
        if is_another(request, file.sha256):
            return _refused(request, HTTPStatus.PRECONDITION_FAILED, "the file is another one", _tag(file))
        if is_known(request, file.sha256):
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=_tag(file))
        if request.method == "HEAD":
            return self._head(file)
        try:
            part = part_of(request, file.sha256, file.size_bytes)
        except Unsatisfiable:
            return _unsatisfiable(request, file)
        async with self._begun(source, caller, part, file.sha256) as download:
            return await self._send(request, download, part)

    async def _file(self, source: DownloadFileRequest, caller: Caller) -> File:
        """Return the file of `source`, or raise the reason why there is none."""
        async with self._begun(source, caller, Part(0, 1)) as download:
            async for _ in download.pieces:
                pass
            return download.file

    def _begun(
        self, source: DownloadFileRequest, caller: Caller, part: Part | None = None, sha256: str = ""
    ) -> AbstractAsyncContextManager[Download]:
        request = DownloadFileRequest()
        request.CopyFrom(source)
        request.if_sha256 = sha256
        if part:
            request.offset, request.limit = part.offset, part.length
        return self._api.download(request, caller)

    async def _send(self, request: web.Request, download: Download, part: Part | None) -> web.StreamResponse:
        response = self._response(download.file, part)
        await response.prepare(request)
        try:
            async for piece in download.pieces:
                await response.write(piece)
                self._sent_bytes.inc(len(piece))
        except ExportdError as error:  # the head is sent: only a connection that breaks off tells the caller
            logs.get().warning("download_broken", reason=error.reason or error.code)
            if request.transport:
                request.transport.abort()
            raise ConnectionResetError from error
        await response.write_eof()
        return response

    def _headers(self, file: File) -> Mapping[str, str]:
        digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
        return {
            **_tag(file),
            "Accept-Ranges": "bytes",
            "Content-Disposition": disposition(file.filename),
            "Repr-Digest": f"sha-256=:{digest}:",
            "Cache-Control": self._cache_control,
        }

    def _response(self, file: File, part: Part | None) -> web.StreamResponse:
        status = HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK
        response = web.StreamResponse(status=status, headers=self._headers(file))
        response.content_type = file.media_type
        response.content_length = part.length if part else file.size_bytes
        if part:
            last = part.offset + part.length - 1
            response.headers["Content-Range"] = f"bytes {part.offset}-{last}/{file.size_bytes}"
        return response

    def _head(self, file: File) -> web.Response:
        headers = {**self._headers(file), "Content-Type": file.media_type, "Content-Length": str(file.size_bytes)}
        return web.Response(headers=headers)


def _tag(file: File) -> dict[str, str]:
    return {"ETag": f'"{file.sha256}"'}


def _unsatisfiable(request: web.Request, file: File) -> web.Response:
    headers = {"Content-Range": f"bytes */{file.size_bytes}", **_tag(file)}
    text = f"the file has {file.size_bytes} bytes"
    return _refused(request, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, text, headers)


def _refused(request: web.Request, status: HTTPStatus, text: str, headers: Mapping[str, str]) -> web.Response:
    return answer(status, document(status, text, request_id_of(request)), headers, MEDIA_TYPE)
