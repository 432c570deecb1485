"""Throughput while one of two workers is killed again and again, against the quiet run."""

import asyncio
import time

from chaos.calls import CLIENT_PATIENCE, with_retries
from chaos.cluster import Cluster
from chaos.figures import Figure
from exportd_client import Export, ExportClient

QUIET_S = 25.0
"""Before the kills, and again after them: a machine that becomes slower or faster does so for both."""
KILLS = 3
KILL_EACH_S = 15.0
"""A worker's start costs some seconds of processor time, which a busy machine of two cores takes from the exports."""

_OPEN = 12
"""Exports that are asked for at the same time: more than there are slots."""


async def measure(cluster: Cluster) -> list[Figure]:
    """Exports a second with both workers alive, and with the second one killed."""
    async with ExportClient(cluster.direct_target, patience=CLIENT_PATIENCE) as client:
        await _rate(client, 5)  # everybody is warm afterwards
        before = await _rate(client, QUIET_S)
        killing = asyncio.create_task(_kill(cluster))
        harassed = await _rate(client, KILLS * KILL_EACH_S)
        killing.cancel()
        await cluster.workers[1].serving()
        quiet = (before + await _rate(client, QUIET_S)) / 2
    more = {"quiet_per_s": round(quiet, 2), "killed_per_s": round(harassed, 2), "kill_each_s": KILL_EACH_S}
    return [Figure("throughput_under_kills", harassed / quiet, "of the quiet run", 0.9, at_least=True, more=more)]


async def _rate(client: ExportClient, seconds: float) -> float:
    """Exports completed a second; those that end after the time still count, and so does the time until then."""
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
