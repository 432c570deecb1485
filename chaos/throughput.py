"""Measures the throughput while one of two workers is killed repeatedly, relative to an undisturbed run."""

import asyncio
import time

from chaos.calls import CLIENT_PATIENCE, with_retries
from chaos.cluster import Cluster
from chaos.figures import Figure
from exportd_client import Export, ExportClient

QUIET_S = 25.0
"""Duration of the undisturbed run, which is made before and after the kills.

Thus changes of the machine's speed affect both sides.
"""
KILLS = 3
KILL_EACH_S = 15.0
"""Time between two kills. The start of a worker costs some seconds of processor time, which the exports lack."""

_OPEN = 12
"""How many exports are open at once: more than there are slots."""


async def measure(cluster: Cluster) -> list[Figure]:
    """Measure the exports per second with both workers running, and with the second one killed repeatedly."""
    async with ExportClient(cluster.direct_target, patience=CLIENT_PATIENCE) as client:
        await _rate(client, 5)  # to warm up
        before = await _rate(client, QUIET_S)
        killing = asyncio.create_task(_kill(cluster))
        harassed = await _rate(client, KILLS * KILL_EACH_S)
        killing.cancel()
        await cluster.workers[1].serving()
        quiet = (before + await _rate(client, QUIET_S)) / 2
    more = {"quiet_per_s": round(quiet, 2), "killed_per_s": round(harassed, 2), "kill_each_s": KILL_EACH_S}
    return [Figure("throughput_under_kills", harassed / quiet, "of the quiet run", 0.9, at_least=True, more=more)]


async def _rate(client: ExportClient, seconds: float) -> float:
    """Return the completed exports per second. Exports that end after the time are counted, together with that time."""
    began = time.monotonic()
    done = await asyncio.gather(*(_one_after_the_other(client, began + seconds) for _ in range(_OPEN)))
    return sum(done) / (time.monotonic() - began)


async def _one_after_the_other(client: ExportClient, until: float) -> int:
    done = 0
    while time.monotonic() < until:
        export = await with_retries(lambda: client.create("/many", format="csv", max_attempts=10))
        last = [seen async for seen in client.watch(export.id)][-1]
        done += last.state == Export.STATE_COMPLETED
        await with_retries(lambda id_=export.id: client.delete(id_))  # type: ignore[misc]
    return done


async def _kill(cluster: Cluster) -> None:
    while True:
        await cluster.workers[1].serving()
        cluster.workers[1].kill(0)
        await asyncio.sleep(KILL_EACH_S)  # between two kills
