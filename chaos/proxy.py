"""A TCP proxy on loopback whose connections can be cut, frozen, or broken in the middle of a message."""

import asyncio
import math
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

_PIECE = 64 * 1024


class Proxy:
    """Forwards connections from `port` to `to_port` while the context lasts.

    `disturbed_until` is the time (monotonic) when it was last cut or frozen: infinity while it is frozen, 0 if never.
    """

    def __init__(self, to_port: int) -> None:
        self.port = 0
        self.disturbed_until = 0.0
        self._to_port = to_port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._budgets: dict[asyncio.StreamWriter, float] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1")
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self.heal()
        self.cut()
        await self._server.wait_closed()

    def cut(self) -> None:
        """Break every connection now. New ones are forwarded."""
        self.disturbed_until = time.monotonic()
        for writer in list(self._budgets):
            writer.transport.abort()

    def cut_after(self, more_bytes: float) -> None:
        """Break every open connection after it has carried this number of further bytes in one direction."""
        self.disturbed_until = time.monotonic()
        for writer in self._budgets:
            self._budgets[writer] = more_bytes

    def freeze(self) -> None:
        """Forward nothing, and break nothing, until `thaw`."""
        self.disturbed_until = math.inf
        self._flowing.clear()

    def thaw(self) -> None:
        """Forward again. Connections that are to be broken still are."""
        self.disturbed_until = min(self.disturbed_until, time.monotonic())
        self._flowing.set()

    def heal(self) -> None:
        """Forward everything again, and break no further connections."""
        self.thaw()
        self.cut_after(math.inf)

    async def _serve(self, near_reader: asyncio.StreamReader, direct: asyncio.StreamWriter) -> None:
        try:
            far_reader, proxied = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:  # if the target refuses connections, so does the proxy
            direct.transport.abort()
            return
        self._budgets |= {direct: math.inf, proxied: math.inf}
        pumps = [
            asyncio.create_task(self._pump(near_reader, proxied)),
            asyncio.create_task(self._pump(far_reader, direct)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task, writer in zip(pumps, (proxied, direct), strict=True):
                task.cancel()
                writer.transport.abort()
                del self._budgets[writer]
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(_PIECE):
                await self._flowing.wait()
                allowed = self._budgets[writer]
                writer.write(data if allowed >= len(data) else data[: int(allowed)])
                await writer.drain()
                self._budgets[writer] = allowed - len(data)
                if allowed < len(data):
                    return
