"""A worker whose clock jumps and whose disk is full; a full disk under the database is in tests/integration/storage."""

import resource
import sqlite3
import time
from contextlib import closing
from datetime import timedelta

import psutil
import pytest

from exportd.v1.export_pb2 import Export
from services.api.settings import ApiSettings
from services.api.steady_clock import SteadyClock
from services.api.world import World
from tests.integration.api.conftest import Clock, Worker, serving
from tests.integration.worker import child_jobs
from tests.integration.worker.rig import SPEC, Rig, named
from tests.integration.worker.test_worker_engine import eventually

HOUR_S = 3600.0
SMALL = 100_000
"""Bytes that a file may have: fewer than the export of MANY, more than a log."""

MANY = [(number, "x" * 100) for number in range(10, 5_000)]


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
async def test_fault_22_a_clock_that_jumps_by_an_hour_ends_no_work(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    rig.no_progress_s = rig.orphan_s = 300.0
    true_time = time.time
    async with rig.working(child_jobs.run_when_let_go):
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: entry.confirmed)
        monkeypatch.setattr("time.time", lambda: true_time() + jump_s)
        rig.let_go()
        await rig.queue.until(lambda: entry.state != "PROCESSING")
        assert rig.engine is not None
        assert rig.engine.ready()
    assert (entry.state, entry.failures, len(entry.leases)) == ("COMPLETED", [], 1)


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
async def test_fault_22_an_api_whose_machine_is_set_ends_no_lease_and_holds_up_no_retry(
    settings: ApiSettings, clock: Clock, jump_s: float
) -> None:
    jumped: list[timedelta] = []
    steady = SteadyClock(lambda: clock.now + sum(jumped, timedelta()), clock.monotonic)
    async with serving(settings, World(clock=steady, monotonic=clock.monotonic)) as api:
        worker = Worker(api)
        clock.now += settings.leases.ttl  # for so long after its start nothing expires
        held, failed = await api.create(), await api.create(max_attempts=2)
        (job,) = await worker.lease()
        await worker.heartbeat(job)
        (other,) = await worker.lease()
        await worker.heartbeat(other)
        jumped.append(timedelta(seconds=jump_s))
        await worker.fail(other)
        await api.parts.reaper.run_once()
        assert (await api.get(held.id)).state == Export.STATE_PROCESSING
        clock.now += settings.backoff.cap  # no delay is longer, but for what the clock makes up
        clock.now += settings.backoff.cap
        assert [again.export_id for again in await worker.lease(max_jobs=2)] == [failed.id]


async def test_fault_22_a_machine_that_is_set_back_between_two_apis_holds_up_no_retry(
    settings: ApiSettings, clock: Clock
) -> None:
    async with serving(settings, World(clock=clock, monotonic=clock.monotonic)) as api:
        export, worker = await api.create(max_attempts=2), Worker(api)
        (job,) = await worker.lease()
        await worker.heartbeat(job)
        await worker.fail(job)
    steady = SteadyClock(lambda: clock.now - timedelta(seconds=HOUR_S), clock.monotonic)
    async with serving(settings, World(clock=steady, monotonic=clock.monotonic)) as api:
        clock.now += 2 * settings.backoff.cap  # no delay is longer, but for what the clock makes up
        assert [again.export_id for again in await Worker(api).lease()] == [export.id]


@pytest.fixture
def many(rig: Rig) -> Rig:
    """Its table has so many rows that their file is large."""
    with closing(sqlite3.connect(rig.root.parent / "db.sqlite3")) as database, database:
        database.executemany("insert into numbers values (?, ?)", MANY)
    return rig


async def test_fault_19_a_disk_full_while_writing_fails_the_attempt_and_the_next_one_completes(many: Rig) -> None:
    rig = many
    async with rig.working():
        limits = children_limited(SMALL)
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: entry.state == "FAILED")
        await eventually(lambda: rig.files() == [])
        await rig.queue.until(lambda: [problem.code for problem in rig.queue.problems] == ["DISK_FULL"])
        unlimited(limits)
        await rig.queue.until(lambda: rig.queue.problems == [])
        rig.queue.requeue(entry)
        await rig.queue.until(lambda: entry.state == "COMPLETED")
    assert [(f.code, f.retryable) for f in entry.failures] == [("DISK_FULL", True)]
    assert entry.built is not None
    assert rig.files() == [entry.built.artifact.key]


async def test_fault_19_a_disk_full_for_one_job_does_not_end_the_worker(many: Rig) -> None:
    rig = many
    async with rig.working():
        running = rig.queue.offer(named("tick"))
        await rig.queue.until(lambda: bool(running.progress))
        children_limited(SMALL)
        full = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: full.state == "FAILED")
        assert running.state == "PROCESSING"
        await rig.queue.until(lambda: rig.queue.problems == [])
        assert rig.engine is not None
        assert rig.engine.ready()
        assert running.state == "PROCESSING"
        rig.queue.cancel(running, hint=True)


def children_limited(size_bytes: int) -> list[tuple[psutil.Process, tuple[int, int]]]:
    """Let no file of a job's process grow beyond; returns the limits before.

    Not of the server that forks them: it lives on, and every later child of this session would be limited, too.
    """
    here = psutil.Process()
    children = [child for child in here.children(recursive=True) if child.ppid() != here.pid and _is_forked(child)]
    assert children
    before = [(child, child.rlimit(resource.RLIMIT_FSIZE)) for child in children]
    for child, (_, hard) in before:
        child.rlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    return before


def _is_forked(child: psutil.Process) -> bool:
    """Those that have ended, of whatever test, are none."""
    try:
        return "forkserver" in " ".join(child.cmdline())
    except psutil.NoSuchProcess:
        return False


def unlimited(limits: list[tuple[psutil.Process, tuple[int, int]]]) -> None:
    for child, before in limits:
        if child.is_running():
            child.rlimit(resource.RLIMIT_FSIZE, before)
