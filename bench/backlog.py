"""Measures what a claim costs with a long queue, and how long one export waits behind those of another tenant."""

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench import report
from bench.report import Result, compared, judged
from bench.waiting import SPEC, START, STATS, new_export, new_file, opened, waiting
from demo.postgres import postgres
from services.api.ports.store import Store

_MANY, _TENANTS = 1_000_000, 10_000
_FEW, _FEW_TENANTS = 1_000, 10
_CLAIMS = 200
_GOAL = report.at_most(2)
_FLOOD, _SLOTS, _BEFORE = 10_000, 4, 20
_MAX_JOBS_A_SLOT = 2


@dataclass(frozen=True, slots=True)
class Claims:
    """The costs of one claim in ms: elapsed time at the median and the 99th percentile, and processor time."""

    p50: float
    p99: float
    processor: float


def backlog() -> Iterator[Result]:
    """Compare claims of one job and of a full answer with a long queue and with a short one."""
    yield from _of_store("backlog")
    with postgres() as server:
        yield from _of_store("backlog_postgresql", server)
    yield asyncio.run(_fairness())


def _of_store(backlog: str, server: str = "") -> Iterator[Result]:
    for name, many, few in ((backlog, _TENANTS, _FEW_TENANTS), (f"{backlog}_of_one_tenant", 1, 1)):
        ours = asyncio.run(_claims(_MANY, many, server))
        beside = asyncio.run(_claims(_FEW, few, server))
        for jobs, claims in ours.items():
            yield _compared(f"{name}_{jobs}", claims, beside[jobs])


def _compared(name: str, claims: Claims, few: Claims) -> Result:
    costs = (
        f"{_FEW:,} waiting; p50 {claims.p50:.2f} beside {few.p50:.2f}, processor {claims.processor:.2f} beside "
        f"{few.processor:.2f} ms"
    )
    return compared(name, "ms p99", claims.p99, few.p99, costs, None, _GOAL)


async def _claims(count: int, tenants: int, server: str) -> dict[int, Claims]:
    """Return the costs by the number of jobs per claim."""
    async with waiting(count, tenants, server) as store:
        return {jobs: await _timed(store, jobs) for jobs in (1, 16)}


async def _timed(store: Store, jobs: int) -> Claims:
    """Measure claims whose jobs are given back, so that the queue stays the same. Raises WrongOutput."""
    took, processor = [], 0.0
    for number in range(_CLAIMS):
        begun, used = time.perf_counter(), time.process_time()
        claimed = await store.leases.claim("worker", f"poll-{jobs}-{number}", jobs, START)
        took.append(time.perf_counter() - begun)
        processor += time.process_time() - used
        assert len(claimed) == jobs
        await store.leases.release([one.ref for one in claimed], START)
    p50, p99 = statistics.median(took), statistics.quantiles(took, n=100)[98]
    return Claims(p50 * 1000, p99 * 1000, processor * 1000 / _CLAIMS)


async def _fairness() -> Result:
    """Count the jobs of a flooding tenant that begin between the creation and the start of another tenant's export."""
    async with opened() as (_, store):
        await _create(store, "flood", _FLOOD)
        slots = _Slots(store)
        for _ in range(_BEFORE):
            await slots.next_job()
        await _create(store, "one", 1)
        jobs = 0
        while await slots.next_job() != "one":
            jobs += 1
    a_slot = jobs / _SLOTS
    goal = f"<= {_MAX_JOBS_A_SLOT}"
    return judged("fairness", "jobs a slot", a_slot, goal, ok=a_slot <= _MAX_JOBS_A_SLOT, beside=f"behind {_FLOOD:,}")


async def _create(store: Store, tenant: str, count: int) -> None:
    await asyncio.gather(*(store.exports.create(new_export(tenant), SPEC, None) for _ in range(count)))


class _Slots:
    """Slots of workers that are never idle."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._busy: list[Callable[[], object]] = []
        self._polls = 0

    async def next_job(self) -> str:
        """Return the tenant of the job that begins when a slot becomes free."""
        if len(self._busy) == _SLOTS:
            await self._busy.pop(0)()  # type: ignore[misc]
        self._polls += 1
        (job,) = await self._store.leases.claim("worker", f"poll-{self._polls}", 1, START)
        await self._store.leases.renew("worker", [job.ref], START)
        self._busy.append(lambda: self._store.leases.complete(job.ref, new_file(job.export.id), STATS, START))
        return job.export.tenant
