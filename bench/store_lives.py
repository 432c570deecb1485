"""Measures complete durable lives of exports through the store's ports, compared with no-op jobs of other queues."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from bench import report
from bench.checks import WrongOutput
from bench.peer import NotMeasured
from bench.report import Goal, Result, compared, not_measured
from bench.small_exports import PGQUEUER, PROCRASTINATE, no_op_jobs, worked
from bench.waiting import SPEC, START, STATS, new_export, new_file, opened
from services.api.domain.states import State
from services.api.ports.store import Store
from services.runtime.interpreter.garbage import spare_present

IN_FLIGHT = 50
_LIVES = 3_000
_TENANTS = 10
_TURNS = 3
_EVENTS = ["CREATE", "LEASE", "COMPLETE"]
_PEERS: tuple[tuple[str, str, str, int, Goal], ...] = (
    ("store_lives", PROCRASTINATE, "procrastinate's no-op jobs on PostgreSQL", 400, report.at_least(4)),
    ("store_lives_vs_pgqueuer", PGQUEUER, "PgQueuer's no-op jobs on PostgreSQL", 2_000, report.at_least(0.8)),
)


@dataclass(frozen=True, slots=True)
class Lives:
    """The lives per second of elapsed time, and the processor time of one in milliseconds."""

    per_s: float
    processor_ms: float


def store_lives() -> Iterator[Result]:
    """Measure on SQLite and on the peers' PostgreSQL, and compare with each peer.

    Elapsed time is measured on both, processor time on SQLite only.
    """
    for name, program, label, jobs, goal in _PEERS:
        yield from _beside(name, program, label, jobs, goal)


def _beside(name: str, program: str, label: str, count: int, goal: Goal) -> Iterator[Result]:
    try:
        with no_op_jobs(program) as (jobs, url):
            turns = [
                (asyncio.run(lived()), asyncio.run(lived(server=url)), worked(jobs, url, program, count))
                for _ in range(_TURNS)
            ]
    except NotMeasured as problem:
        yield not_measured(name, "lives/s", goal, str(problem))
        return
    sqlite, postgres, theirs = (max(each.per_s for each in sides) for sides in zip(*turns, strict=True))
    yield compared(name, "lives/s", sqlite, theirs, label, None, goal)
    yield compared(f"{name}_postgresql", "lives/s", postgres, theirs, label, None, goal)
    sqlite, _, theirs = (1000 / min(each.processor_ms for each in sides) for sides in zip(*turns, strict=True))
    yield compared(f"{name}_processor", "lives/processor s", sqlite, theirs, label, None, goal)


async def lived(lives: int = _LIVES, server: str = "") -> Lives:
    """Measure lives. Raises WrongOutput if an export is not COMPLETED with its history and its notification."""
    async with opened(server) as (_, store):
        await _live(store, IN_FLIGHT)  # the first ones fill the caches
        spare_present()  # like the api
        begun, used = time.perf_counter(), time.process_time()
        ids = await _live(store, lives)
        took, used = time.perf_counter() - begun, time.process_time() - used
        for tenant, export_id in ids[:: max(1, lives // 100)]:
            await _check(store, tenant, export_id)
        return Lives(lives / took, used * 1000 / lives)


async def _live(store: Store, lives: int) -> list[tuple[str, str]]:
    """Take exports from creation to completion, IN_FLIGHT at once."""
    left, polls, ids = iter(range(lives)), count(), []

    async def one_after_the_other(worker: str) -> None:
        for number in left:
            export = new_export(f"tenant-{number % _TENANTS}")
            ids.append((export.tenant, export.id))
            await store.exports.create(export, SPEC, None)
            (job,) = await store.leases.claim(worker, f"{worker}-{next(polls)}", 1, START)
            await store.leases.renew(worker, [job.ref], START)
            await store.leases.complete(job.ref, new_file(job.export.id), STATS, START)

    await asyncio.gather(*(one_after_the_other(f"worker-{lives}-{number}") for number in range(IN_FLIGHT)))
    return ids


async def _check(store: Store, tenant: str, export_id: str) -> None:
    export = await store.exports.get(tenant, export_id)
    history = [entry.event for entry in await store.exports.transitions(tenant, export_id)]
    told = await store.outbox.deliveries(tenant, export_id)
    if not (export and export.state is State.COMPLETED and history == _EVENTS and len(told) == 1):
        raise WrongOutput(f"{export_id} is not whole: {history}, {len(told)} announcements")
