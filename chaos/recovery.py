"""Measures how long an export waits, after its worker was killed, until another worker builds it."""

import time

from chaos.cluster import TTL_S, Cluster
from chaos.figures import Figure, percentile
from chaos.supervisor import Supervisor
from exportd_client import Export, ExportClient

TIMES = 40


async def measure(cluster: Cluster) -> list[Figure]:
    """Measure from kill -9 of the building worker until the export is leased again. All other workers are idle."""
    async with ExportClient(cluster.direct_target) as client:
        seconds: list[float] = []
        for _ in range(TIMES * 2):  # an export that is done before the kill does not count
            if len(seconds) < TIMES and (recovered := await _once(cluster, client)) is not None:
                seconds.append(recovered)
    more = {
        "times": len(seconds),
        "ttl_s": TTL_S,
        "p50_s": round(percentile(seconds, 50), 2),
        "max_s": round(max(seconds), 2),
    }
    return [Figure("lease_recovery_p99", percentile(seconds, 99), "s", TTL_S + 5, more=more)]


async def _once(cluster: Cluster, client: ExportClient) -> float | None:
    """Return the seconds; None if the export was done too early, or if the idle worker was killed."""
    for worker in cluster.workers:
        await worker.serving()
    export = await client.create("/huge", format="xlsx", max_attempts=10)
    began, killed = 0.0, None
    async for seen in client.watch(export.id):
        if killed is None and seen.progress.rows_written > 0:
            killed = _builder(cluster)
            began = time.monotonic()
            killed.kill(0)
        if killed is not None and seen.attempt > 1 and seen.state == Export.STATE_PROCESSING:
            break
        if seen.done:
            return None
    recovered = time.monotonic() - began
    async for _ in client.watch(export.id):
        pass
    return recovered


def _builder(cluster: Cluster) -> Supervisor:
    """Return the worker whose children use the processor. The other one is idle."""
    return max(cluster.workers, key=_used)


def _used(supervisor: Supervisor) -> float:
    return sum(child.cpu_percent(interval=0.05) for child in supervisor.children())
