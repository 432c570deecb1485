"""The receiver of callbacks. It refuses the first attempt of some."""

import zlib
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from chaos.ledger import Announcement, Channel, Ledger

_REFUSED_OF = 10
"""In one of this number of scenarios the first callback is refused. The next one comes five seconds later."""


class Receiver:
    """Serves on loopback while the context lasts. Every accepted callback is recorded in the `ledger`."""

    def __init__(self, ledger: Ledger) -> None:
        self.port = 0
        self._ledger = ledger
        self._refused: set[str] = set()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{request_id}", self._handle)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    def url(self, request_id: str) -> str:
        """Return the callback URL for the end of a scenario's export."""
        return f"http://127.0.0.1:{self.port}/{request_id}"

    async def _handle(self, request: web.Request) -> web.Response:
        request_id = request.match_info["request_id"]
        body = await request.json()
        if zlib.crc32(request_id.encode()) % _REFUSED_OF == 0 and request_id not in self._refused:
            self._refused.add(request_id)
            return web.Response(status=503)
        call = announcement(request.headers["webhook-id"], self.url(request_id), body)
        self._ledger.announcements[request_id].append(call)
        return web.Response(status=204)


def announcement(webhook_id: str, url: str, body: dict[str, Any]) -> Announcement:
    """Return the content of a callback. Raises KeyError if a field is missing."""
    return Announcement(
        channel=Channel.CALLBACK,
        id=webhook_id,
        recipient=url,
        export_id=body["idExportJob"],
        type=body["exportType"],
        status=body["status"],
        success=body["success"],
        errors=tuple(body["errorMessages"]),
        file_name=body["fileName"],
        file_size_bytes=body["fileSizeBytes"],
        duration_ms=body["durationMs"],
    )
