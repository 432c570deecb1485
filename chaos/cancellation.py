"""Measures how long a worker continues after a cancel."""

import asyncio
import time

from chaos.cluster import Cluster
from chaos.figures import Figure, percentile
from exportd_client import Export, ExportClient

TIMES = 100
_STOP_TIMEOUT_S = 30.0


async def measure(cluster: Cluster) -> list[Figure]:
    """Measure from the call of CancelExport until the worker's child is gone and its files are removed."""
    async with ExportClient(cluster.direct_target) as client:
        seconds = [await _once(cluster, client) for _ in range(TIMES)]
    more = {"times": TIMES, "p50_ms": round(percentile(seconds, 50) * 1000), "max_ms": round(max(seconds) * 1000)}
    return [Figure("cancel_to_stop_p99", percentile(seconds, 99), "s", 1.0, more=more)]


async def _once(cluster: Cluster, client: ExportClient) -> float:
    export = await client.create("/huge", format="xlsx")
    async for seen in client.watch(export.id):
        if seen.progress.rows_written > 0 or seen.done:
            break
    began = time.monotonic()
    cancelled = await client.cancel(export.id)
    if cancelled.state != Export.STATE_CANCELLED:
        raise RuntimeError(f"{export.id} was not cancelled")
    while cluster.stores.is_building() and time.monotonic() < began + _STOP_TIMEOUT_S:  # noqa: ASYNC110
        await asyncio.sleep(0.002)  # how often the disk is looked at
    return time.monotonic() - began
