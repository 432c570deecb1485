"""Thousands of watches and downloads: how much memory they leave behind, and whether each watch sees the end."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing

import psutil

from chaos.calls import CLIENT_PATIENCE
from chaos.cluster import Cluster
from chaos.figures import Figure, memory_mb
from exportd_client import Export, ExportClient

WATCHES = 50_000
DOWNLOADS = 50_000
WATCHERS = 1_000
_WARM = 5_000
_AT_ONCE = 50
_CHANNELS = 10


async def measure_memory(cluster: Cluster) -> list[Figure]:
    """Measure how much memory the api gained after many watches and downloads that were abandoned."""
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(ExportClient(cluster.direct_target, patience=CLIENT_PATIENCE))
            for _ in range(4)
        ]
        made = [seen async for seen in clients[0].watch((await clients[0].create("/some", format="csv")).id)][-1]
        for worker in cluster.workers:
            await worker.close()  # exports now stay QUEUED, so that a watch does not end by itself
        waiting = await clients[0].create("/some", format="csv")
        api = psutil.Process(cluster.apis[0].processes()[0].pid)
        await _given_up(clients, waiting, made, _WARM)
        before, began = memory_mb(api), time.monotonic()
        await _given_up(clients, waiting, made, WATCHES)
        growth, seconds = memory_mb(api) - before, time.monotonic() - began
    more = {"watches": WATCHES, "downloads": DOWNLOADS, "before_mb": round(before, 1), "seconds": round(seconds)}
    return [Figure("memory_after_cancelled_calls", growth, "MB", 20.0, more=more)]


async def _given_up(clients: list[ExportClient], waiting: Export, made: Export, times: int) -> None:
    """Make this number of watches and of downloads, each abandoned after its first message."""

    async def watch(client: ExportClient) -> None:
        async with aclosing(client.watch(waiting.id)) as exports:
            await anext(exports)

    async def download(client: ExportClient) -> None:
        async with aclosing(client.stream(made.file)) as pieces:
            await anext(pieces)

    await _many(clients, watch, times)
    await _many(clients, download, times)


async def _many(clients: list[ExportClient], call: Callable[[ExportClient], Awaitable[None]], times: int) -> None:
    async def some(place: int) -> None:
        for _ in range(times // _AT_ONCE):
            await call(clients[place % len(clients)])

    await asyncio.gather(*(some(place) for place in range(_AT_ONCE)))


async def measure_watchers(cluster: Cluster) -> list[Figure]:
    """Let many watchers watch ten exports on one api process. Each must see the end of its export."""
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(ExportClient(cluster.direct_target, patience=CLIENT_PATIENCE))
            for _ in range(_CHANNELS)
        ]
        for worker in cluster.workers:
            worker.kill(4)  # so that all watches exist before the first export is built
        exports = [await clients[0].create("/some", format="csv") for _ in range(_CHANNELS)]
        api = psutil.Process(cluster.apis[0].processes()[0].pid)
        before = memory_mb(api)
        seen = asyncio.gather(*(_last(clients[n % _CHANNELS], exports[n % _CHANNELS]) for n in range(WATCHERS)))
        await asyncio.sleep(3)  # until all watches exist, before a worker serves again
        held = memory_mb(api) - before
        ends = await seen
    completed = sum(end.state == Export.STATE_COMPLETED for end in ends)
    spread = max(end.end_time.ToDatetime() for end in ends) - min(end.end_time.ToDatetime() for end in ends)
    more = {"memory_mb": round(held, 1), "all_ended_within_s": round(spread.total_seconds(), 2)}
    return [Figure("watchers_that_saw_the_end", completed, "watchers", WATCHERS, at_least=True, more=more)]


async def _last(client: ExportClient, export: Export) -> Export:
    async for seen in client.watch(export.id):
        export = seen
    return export
