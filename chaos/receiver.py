"""Who is called back when an export is done; some calls it refuses the first time."""

import zlib
from collections import defaultdict
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from chaos.ledger import Account, Findings, Violation
from exportd_client import Export

_REFUSED_OF = 10
"""One scenario in so many has its first call refused; the next one comes five seconds later."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was accepted: its webhook-id and its body."""

    id: str
    body: dict[str, Any]


class Receiver:
    """Serves on loopback while the context lasts; `calls` has every accepted call by request_id."""

    def __init__(self) -> None:
        self.calls: dict[str, list[Call]] = defaultdict(list)
        self.port = 0
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
        """Where the end of a scenario's export is announced."""
        return f"http://127.0.0.1:{self.port}/{request_id}"

    def has_call_about(self, account: Account) -> bool:
        """At least one call about it was accepted."""
        return bool(self.calls.get(account.request_id))

    def check(self, account: Account, findings: Findings) -> None:
        """At least one call if one is owed, none otherwise, and each says how the export really ended."""
        calls = self.calls.get(account.request_id, [])
        if account.callback and not calls:
            findings.add(Violation.NOTIFICATION_MISSING, account.id, "its end was not announced")
        if len({call.id for call in calls}) > 1:
            findings.add(Violation.NOTIFICATION_CONTRADICTING, account.id, f"announced as {len(calls)} different ones")
        for call in calls:
            wrong = _contradiction(call.body, account)
            if wrong:
                findings.add(Violation.NOTIFICATION_CONTRADICTING, account.id, f"{wrong}: {call.body}")

    async def _handle(self, request: web.Request) -> web.Response:
        request_id = request.match_info["request_id"]
        body = await request.json()
        if zlib.crc32(request_id.encode()) % _REFUSED_OF == 0 and request_id not in self._refused:
            self._refused.add(request_id)
            return web.Response(status=503)
        self.calls[request_id].append(Call(request.headers["webhook-id"], body))
        return web.Response(status=204)


def _contradiction(body: dict[str, Any], account: Account) -> str:
    """What in a call is not so; empty: nothing."""
    export = account.last
    if not account.callback:
        return "nobody asked for it"
    if body["idExportJob"] != account.id:
        return "it is about another export"
    if export is None or not export.done:
        return "it came before the end"
    completed = export.state == Export.COMPLETED
    if (body["status"], body["success"]) != (Export.State.Name(export.state), completed):
        return f"it ended as {Export.State.Name(export.state)}"
    if export.HasField("file") and body["fileSizeBytes"] != export.file.size_bytes:
        return f"its file has {export.file.size_bytes} bytes"
    return ""
