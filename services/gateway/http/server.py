"""The HTTP server: its port, its limits, and its end."""

import asyncio
import ssl
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from weakref import WeakSet

from aiohttp import web

from services.gateway.http.connection import Connection
from services.gateway.http.holders import holder_of
from services.gateway.http.limits import MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_HEADERS, MAX_LINE_BYTES, Limits
from services.gateway.http.middleware import Around, complete_headers
from services.gateway.http.stalled_readers import StalledReaders
from services.gateway.metrics import GatewayMetrics
from services.runtime.startup import CannotListen
from services.runtime.tasks.ending import end_tasks
from services.runtime.tracing.serving import NOT_TRACED, Serving

HANDSHAKE_TIMEOUT_S = 10.0
BACKLOG = 1024
_LAST_S = 1.0
"""How long requests that were cut off may take to end."""
_TURNS = 10
"""Of the event loop: within them one connection is accepted, and what has arrived on it is read and begun."""


class HttpServer:
    """Serves the routes of an application, which `application` returns without any."""

    def __init__(self, limits: Limits, metrics: GatewayMetrics, serving: Serving = NOT_TRACED) -> None:
        self._limits = limits
        self._metrics = metrics
        self._around = Around(metrics, serving)
        self._runner: web.AppRunner | None = None
        self._listening: asyncio.Server | None = None
        self._beginning: WeakSet[_Beginning] = WeakSet()
        self._accepted = 0
        self._looking: asyncio.Task[None] | None = None
        self.draining = asyncio.Event()
        """Set when the server is about to end: streams end, and nobody is invited any more."""
        self.application = web.Application(middlewares=[self._around.middleware()], client_max_size=MAX_BODY_BYTES)
        self.application.on_response_prepare.append(complete_headers)

    @property
    def connections(self) -> int:
        """The number of open connections, TLS handshakes included."""
        return len(self._handlers()) + len(self._beginning)

    def _handlers(self) -> Sequence[Any]:
        server = self._runner.server if self._runner else None
        return server.connections if server else ()

    async def start(self, address: str, setting: str, tls: ssl.SSLContext | None, *, shared: bool = False) -> int:
        """Listen on HOST:PORT, and return the port. Raises CannotListen, which names `setting`.

        With `shared`, other processes may listen there, too.
        """
        self._runner = web.AppRunner(
            self.application, access_log=None, handler_cancellation=True, shutdown_timeout=_LAST_S
        )
        await self._runner.setup()
        host, _, port = address.rpartition(":")
        try:
            self._listening = await asyncio.get_running_loop().create_server(
                self._protocol,
                host.strip("[]"),
                int(port),
                ssl=tls,
                backlog=BACKLOG,
                reuse_port=shared or None,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S if tls else None,
            )
        except OSError as refused:
            raise CannotListen(address, setting) from refused
        self._looking = asyncio.create_task(StalledReaders(self._transports, self._metrics).run())
        bound: int = self._listening.sockets[0].getsockname()[1]
        return bound

    def _protocol(self) -> asyncio.BaseProtocol:
        self._accepted += 1
        if self.connections >= self._limits.connections:
            self._metrics.refused_connections.inc()
            return _Closed()
        beginning = _Beginning(self._admitted)
        self._beginning.add(beginning)
        return beginning

    def _admitted(self, transport: asyncio.BaseTransport) -> asyncio.Protocol:
        """Return what serves a connection whose TLS handshake has ended.

        Before, the address is not known: handshakes are limited in number and time only.
        """
        most, address = self._limits.connections_of_address, holder_of(transport)
        if most and sum(holder_of(each) == address for each in self._transports()) >= most:
            self._metrics.refused_connections.inc()
            return _Closed()
        return self._connection()

    def _connection(self) -> Connection:
        server: Any = self._runner.server if self._runner else None
        return Connection(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # as AppRunner hands it on
            auto_decompress=False,
            keepalive_timeout=self._limits.idle.total_seconds(),
            lingering_time=_LAST_S,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
        )

    def _transports(self) -> Iterator[asyncio.Transport]:
        return (handler.transport for handler in self._handlers() if handler.transport is not None)

    async def stop(self, grace_s: float, now: asyncio.Event) -> None:
        """Stop accepting connections, let requests end for `grace_s` seconds or until `now`, and cut off the rest.

        Requests that have arrived are answered, read or not: their callers could not know of the end.
        """
        self.draining.set()
        await self._begin_what_has_arrived()
        if self._listening:
            self._listening.close()
        await self._until_idle(grace_s, now)
        for task in self._around.under_way:
            task.cancel()
        if self._runner:
            await self._runner.cleanup()
        if self._looking:
            await end_tasks(self._looking)

    async def _begin_what_has_arrived(self) -> None:
        for _ in range(BACKLOG):
            before = self._accepted
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            if self._accepted == before:
                return

    async def _until_idle(self, grace_s: float, now: asyncio.Event) -> None:
        stopping = asyncio.create_task(now.wait())
        loop = asyncio.get_running_loop()
        end = loop.time() + grace_s
        while self._around.under_way and not stopping.done() and (left := end - loop.time()) > 0:
            either = {*self._around.under_way, stopping}
            await asyncio.wait(either, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()


class _Beginning(asyncio.Protocol):
    """A connection until its TLS handshake has ended, if it has one: the connection is then handed over.

    Only the event loop holds it, so that it is gone at once if the handshake fails.
    """

    def __init__(self, make: Callable[[asyncio.BaseTransport], asyncio.Protocol]) -> None:
        self._make = make

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        handler = self._make(transport)
        transport.set_protocol(handler)
        handler.connection_made(transport)


class _Closed(asyncio.Protocol):
    """A connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
