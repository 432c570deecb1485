"""A line to a server that is not steady: it refuses some connections with an HTTP status, and cuts others off."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from urllib.parse import urlsplit

_BLOCK_BYTES = 1 << 16


@dataclass
class UnsteadyRelay:
    """Change what it does at any time; it holds for connections from then on.

    `refusing`: so many next connections are answered with 503. `cutting_after`: answers end after so many bytes; None:
    they are whole.
    """

    upstream: str
    refusing: int = 0
    cutting_after: int | None = None
    port: int = 0
    refused: int = 0
    cut: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, ready: Event, end: asyncio.Event) -> None:
        async with await asyncio.start_server(self._answer, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await end.wait()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            if self.refusing > 0:
                self.refusing, self.refused = self.refusing - 1, self.refused + 1
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
            else:
                await self._relay(reader, writer)
        writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = urlsplit(self.upstream)
        assert place.hostname
        assert place.port
        there_reader, there = await asyncio.open_connection(place.hostname, place.port)
        ways = [
            asyncio.create_task(_copied(reader, there, None)),
            asyncio.create_task(_copied(there_reader, writer, self.cutting_after)),
        ]
        done, running = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        self.cut += any(way.result() for way in done)
        for way in running:
            way.cancel()
        there.close()


async def _copied(source: asyncio.StreamReader, sink: asyncio.StreamWriter, limit: int | None) -> bool:
    """Whether the limit was reached."""
    left = limit
    with suppress(OSError):
        while block := await source.read(_BLOCK_BYTES):
            sink.write(block[:left])
            await sink.drain()
            if left is not None and (left := left - len(block)) <= 0:
                return True
    return False


@contextmanager
def unsteady_relay(upstream: str) -> Iterator[UnsteadyRelay]:
    """One in a thread of its own, to the server at `upstream` (http://HOST:PORT)."""
    relay, ready, loop = UnsteadyRelay(upstream), Event(), asyncio.new_event_loop()
    end = asyncio.Event()
    thread = Thread(target=loop.run_until_complete, args=(relay.serve(ready, end),), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield relay
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()
