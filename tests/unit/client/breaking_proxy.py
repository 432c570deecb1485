"""A TCP proxy on loopback whose connections break."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def breaking_proxy(to_port: int, *, after_bytes: Sequence[int]) -> AsyncIterator[int]:
    """The port of a proxy that breaks each connection when it has brought the next number of bytes; later ones hold."""
    budgets = list(after_bytes)

    async def serve(near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        far_reader, far = await asyncio.open_connection("127.0.0.1", to_port)
        budget = budgets.pop(0) if budgets else math.inf
        pumps = [
            asyncio.create_task(pump(near_reader, far, math.inf)),
            asyncio.create_task(pump(far_reader, near, budget)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for task, writer in zip(pumps, (near, far), strict=True):
            task.cancel()
            writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        yield server.sockets[0].getsockname()[1]


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: float) -> None:
    with suppress(ConnectionError):
        while budget > 0 and (data := await reader.read(65_536)):
            budget -= len(data)
            writer.write(data)
            await writer.drain()
