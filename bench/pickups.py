"""Measures how soon an idle worker begins an export."""

import asyncio
import time
from collections.abc import Iterator

from bench import report
from bench.report import Goal, Result
from bench.service import Service, finished
from bench.turns import guarded
from exportd_client import Export, ExportClient

_NAME, _UNIT, _P50_MS, _P99_MS = "pickup_latency", "ms", 5.0, 20.0
_GOAL = Goal(f"p50 <= {_P50_MS:g} and p99 <= {_P99_MS:g}", lambda *_: False)
_PICKUPS = 300


def pickups() -> Iterator[Result]:
    """Measure from the creation of an export of ten rows until the caller's watch shows that it is being built."""
    yield guarded(_NAME, _GOAL, _pickup_latency, _UNIT)


def _pickup_latency() -> Result:
    with Service("csv") as service:
        asyncio.run(_waits(service.target, _PICKUPS // 10))  # the first ones fill the caches
        waits = asyncio.run(_waits(service.target, _PICKUPS))
    (p50, p99), inside = (_percentiles_ms(sorted(column)) for column in zip(*waits, strict=True))
    beside = f"the caller's watch: p99 {p99:.1f}; the service's clocks: p50 {inside[0]:.1f}, p99 {inside[1]:.1f}"
    return report.judged(_NAME, _UNIT, p50, _GOAL.text, ok=p50 <= _P50_MS and p99 <= _P99_MS, beside=beside)


async def _waits(target: str, count: int) -> list[tuple[float, float]]:
    """Create exports one after the other.

    Return how many seconds each waited, by the caller's watch and by the service's clocks.

    Raises NotMeasured if one fails.
    """
    async with ExportClient(target) as client:
        return [await _wait(client) for _ in range(count)]


async def _wait(client: ExportClient) -> tuple[float, float]:
    started = time.perf_counter()
    made = await client.create("/few", format="csv")
    async for export in client.watch(made.id):
        if export.state != Export.STATE_QUEUED:
            break
    seen = time.perf_counter() - started
    done = await finished(client, made.id)
    return seen, (done.start_time.ToNanoseconds() - done.create_time.ToNanoseconds()) / 1e9


def _percentiles_ms(ordered: list[float]) -> tuple[float, float]:
    """Return the 50th and the 99th percentile in milliseconds."""
    return ordered[len(ordered) // 2] * 1000, ordered[len(ordered) * 99 // 100] * 1000
