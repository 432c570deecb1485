"""The line that breaks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chaos.proxy import Proxy


@asynccontextmanager
async def echoed() -> AsyncIterator[tuple[Proxy, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A line to somebody who sends back what comes, and one connection over it."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1")
    async with server, Proxy(server.sockets[0].getsockname()[1]) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        try:
            yield proxy, reader, writer
        finally:
            writer.close()


async def test_it_carries_what_is_sent() -> None:
    async with echoed() as (_, reader, writer):
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"


async def test_a_cut_ends_the_connection() -> None:
    async with echoed() as (proxy, reader, writer):
        writer.write(b"hello")
        await reader.readexactly(5)
        proxy.cut()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)


async def test_a_message_is_cut_in_its_middle() -> None:
    async with echoed() as (proxy, reader, writer):
        writer.write(b"hello")
        await reader.readexactly(5)
        proxy.cut_after(3)
        writer.write(b"world")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(5)


async def test_frozen_it_carries_nothing_until_it_is_healed() -> None:
    async with echoed() as (proxy, reader, writer):
        writer.write(b"hello")
        await reader.readexactly(5)
        proxy.freeze()
        writer.write(b"world")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(1), 0.1)  # nothing comes
        proxy.thaw()
        assert await reader.readexactly(5) == b"world"


async def test_a_cut_that_is_still_to_come_outlasts_a_thaw_and_no_heal() -> None:
    async with echoed() as (proxy, reader, writer):
        writer.write(b"hello")
        await reader.readexactly(5)
        proxy.cut_after(3)
        proxy.heal()
        writer.write(b"world")
        assert await reader.readexactly(5) == b"world"
        proxy.cut_after(3)
        proxy.freeze()
        proxy.thaw()
        writer.write(b"again")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(5)


async def test_while_nobody_listens_connections_end() -> None:
    async with await asyncio.start_server(lambda _r, _w: None, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
    async with Proxy(port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()
