"""A receiver of callbacks: a real HTTP server on loopback that answers as a test says, and remembers."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

SHUTDOWN_S = 0.1  # what a test left unanswered; 0 would wait for ever


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived: headers by lower-case name, and the body as it was sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered once `go` is set; None: at once."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    go: asyncio.Event | None = None


@dataclass
class Receiver:
    """Answers with `answers` in their order, then with `always`. `most_at_once` is how many it had to answer."""

    port: int = 0
    scheme: str = "http"
    always: Answer = field(default_factory=Answer)
    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Request(request.method, request.path_qs, headers, body))
        answer = self.answers.pop(0) if self.answers else self.always
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if answer.go:
                await answer.go.wait()
        finally:
            self._at_once -= 1
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


@asynccontextmanager
async def webhook_receiver(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver on a port of its own, over https when there is a context."""
    receiver = Receiver(scheme="https" if tls else "http")
    runner = web.ServerRunner(web.Server(receiver.handle), shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        receiver.port = runner.addresses[0][1]
        yield receiver
    finally:
        await runner.cleanup()
