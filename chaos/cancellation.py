"""How long a worker goes on after a cancel."""

import asyncio
import os
import time
from pathlib import Path

from chaos.cluster import House
from chaos.figures import Figure, percentile
from exportd_client import Export, ExportClient

TIMES = 100
_GIVE_UP_S = 30.0


async def measure(house: House) -> list[Figure]:
    """From the call of CancelExport until the worker's child is gone and what it wrote is swept."""
    async with ExportClient(house.near) as client:
        seconds = [await _once(house, client) for _ in range(TIMES)]
    more = {"times": TIMES, "p50_ms": round(percentile(seconds, 50) * 1000), "max_ms": round(max(seconds) * 1000)}
    return [Figure("cancel_to_stop_p99", percentile(seconds, 99), "s", 1.0, more=more)]


async def _once(house: House, client: ExportClient) -> float:
    export = await client.create("/huge", format="xlsx")
    async for seen in client.watch(export.id):
        if seen.progress.rows_written > 0 or seen.done:
            break
    began = time.monotonic()
    cancelled = await client.cancel(export.id)
    if cancelled.state != Export.CANCELLED:
        raise RuntimeError(f"{export.id} was not cancelled")
    while any(_spooled(house.artifacts)) and time.monotonic() < began + _GIVE_UP_S:  # noqa: ASYNC110
        await asyncio.sleep(0.002)  # how often the disk is looked at
    return time.monotonic() - began


def _spooled(artifacts: Path) -> list[str]:
    """Files in the making. The worker removes them when the child has ended."""
    return [name for _, _, names in os.walk(artifacts / ".spool") for name in names if name != "lock"]
