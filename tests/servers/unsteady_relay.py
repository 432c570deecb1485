"""A line to an HTTP server that is not steady: it refuses, keeps silent, and cuts off."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from urllib.parse import urlsplit

_BLOCK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one connection: it is answered with a status; or nothing comes; or it ends, at once or after so
    many bytes that were taken from the caller or given to it.
    """

    status: int = 0
    body: bytes = b""
    silent: bool = False
    takes: int = 0
    gives: int = 0


@dataclass
class UnsteadyRelay:
    """Change what it does at any time; it holds for connections from then on.

    `faults`: of the next connections, one each. `refusing`: so many next connections are answered with 503.
    `cutting_after`: answers end after so many bytes; None: they are whole.
    """

    upstream: str
    faults: list[Fault] = field(default_factory=list)
    refusing: int = 0
    cutting_after: int | None = None
    port: int = 0
    lines: set[asyncio.StreamWriter] = field(default_factory=set)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    refused: int = 0
    cut: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def hang_up(self) -> None:
        """End all connections that are open: what is changed holds for everybody then."""
        self.loop.call_soon_threadsafe(lambda: [line.transport.abort() for line in self.lines])

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
        self.lines.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            if self.faults:
                await self._fail(self.faults.pop(0), reader, writer)
            elif self.refusing > 0:
                self.refusing, self.refused = self.refusing - 1, self.refused + 1
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
            else:
                await self._relay(reader, writer)
        self.lines.discard(writer)
        writer.close()

    async def _fail(self, fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if fault.takes or fault.gives:
            await self._relay(reader, writer, fault.takes or None, fault.gives or None)
            return
        await reader.readuntil(b"\r\n\r\n")
        if fault.silent:
            await reader.read()  # until the caller has enough
        elif fault.status:
            head = f"HTTP/1.1 {fault.status} Fault\r\nContent-Length: {len(fault.body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + fault.body)
            await writer.drain()

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        takes: int | None = None,
        gives: int | None = None,
    ) -> None:
        place = urlsplit(self.upstream)
        assert place.hostname
        assert place.port
        there_reader, there = await asyncio.open_connection(place.hostname, place.port)
        ways = [
            asyncio.create_task(_copied(reader, there, takes)),
            asyncio.create_task(_copied(there_reader, writer, gives or self.cutting_after)),
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
    relay, ready = UnsteadyRelay(upstream), Event()
    loop = relay.loop
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
