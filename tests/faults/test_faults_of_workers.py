"""Workers that fall silent, and what they say when they are back, against a whole api."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import replace

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.v1 import export_pb2
from services.api.domain.leases import LeasePolicy
from services.api.settings import ApiSettings
from services.api.usecases.jobs import LOST_ANSWER_AFTER
from tests.integration.api.conftest import Api, Clock, Worker, serving
from tests.integration.api.refusals import refused
from tests.patience import PATIENCE_S
from tests.ports.samples import SECOND

Export = export_pb2.Export
OLD, NEW = b"id\r\n1\r\n2\r\n", b"id\r\n1\r\n2\r\nof the second\r\n"
TWO_TTL = 2 * LeasePolicy().ttl


async def reached(api: Api, export_id: str, state: Export.State.ValueType) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await api.get(export_id)).state != state:
            await asyncio.sleep(0.02)  # between two looks


# ---- 4: kill -9 is silence; a process that is really killed is in tests/e2e


async def test_fault_04_a_worker_killed_in_any_phase_is_replaced_and_its_file_is_not_published(
    api: Api, worker: Worker, clock: Clock
) -> None:
    for _ in range(4):
        await api.create()
    leased, confirmed, writing, uploaded = await worker.lease(max_jobs=4)
    progress = export_pb2.Progress(phase=export_pb2.Progress.PHASE_WRITING, rows_written=1)
    await worker.heartbeat(confirmed, writing, uploaded, progress=progress)
    worker.file(writing, OLD[:2])
    worker.file(uploaded, OLD)

    await api.lives(clock, TWO_TTL)
    second = Worker(api)
    attempts = {}
    for _ in range(4):
        (again,) = await second.lease(wait_s=20)
        await second.heartbeat(again)
        await second.complete(again, artifact := second.file(again, NEW))
        shown = await api.get(again.export_id)
        assert (shown.state, shown.file.sha256) == (Export.STATE_COMPLETED, artifact.sha256)
        attempts[shown.id] = shown.attempt
    given_back = {leased.export_id: 1}
    assert attempts == {job.export_id: 2 for job in (confirmed, writing, uploaded)} | given_back


# ---- 6: stopped for two ttl, then continued


async def stopped_past_its_lease(api: Api, worker: Worker, clock: Clock) -> queue_pb2.Job:
    await api.create()
    (job,) = await worker.lease()
    await worker.heartbeat(job)
    await api.lives(clock, TWO_TTL)
    await reached(api, job.export_id, Export.STATE_FAILED)
    return job


async def test_fault_06_a_late_heartbeat_takes_the_export_up_again(api: Api, worker: Worker, clock: Clock) -> None:
    job = await stopped_past_its_lease(api, worker, clock)
    (verdict,) = (await worker.heartbeat(job)).verdicts
    assert verdict.verdict == verdict.VERDICT_KEEP
    await worker.complete(job, worker.file(job, OLD))
    shown = await api.get(job.export_id)
    assert (shown.state, shown.attempt) == (Export.STATE_COMPLETED, 1)


async def test_fault_06_a_late_complete_loses_nothing(api: Api, worker: Worker, clock: Clock) -> None:
    job = await stopped_past_its_lease(api, worker, clock)
    await worker.complete(job, worker.file(job, OLD))
    assert (await api.get(job.export_id)).state == Export.STATE_COMPLETED


async def test_fault_06_a_late_failure_adds_nothing_to_the_expiry(api: Api, worker: Worker, clock: Clock) -> None:
    job = await stopped_past_its_lease(api, worker, clock)
    assert (await refused(worker.fail(job))).reason == "LEASE_LOST"
    shown = await api.get(job.export_id)
    assert (shown.state, [error.code for error in shown.result.errors]) == (Export.STATE_FAILED, ["LEASE_EXPIRED"])
    (again,) = await worker.lease()
    assert again.attempt == 2


async def test_fault_06_once_another_has_the_export_the_first_has_no_say(
    api: Api, worker: Worker, clock: Clock
) -> None:
    job = await stopped_past_its_lease(api, worker, clock)
    second = Worker(api)
    (again,) = await second.lease()
    (verdict,) = (await worker.heartbeat(job)).verdicts
    assert verdict.verdict == verdict.VERDICT_LOST
    for late in (worker.complete(job, worker.file(job, OLD)), worker.fail(job)):
        assert (await refused(late)).reason == "LEASE_LOST"
    await worker.release(job)
    await second.complete(again, artifact := second.file(again, NEW))
    shown = await api.get(job.export_id)
    assert (shown.state, shown.file.sha256, shown.attempt) == (Export.STATE_COMPLETED, artifact.sha256, 2)


# ---- 7, 11, 13


async def test_fault_07_the_second_lease_of_the_same_worker_fences_its_first(
    api: Api, worker: Worker, clock: Clock
) -> None:
    job = await stopped_past_its_lease(api, worker, clock)
    (again,) = await worker.lease()
    assert again.lease_id != job.lease_id
    assert (await refused(worker.complete(job, worker.file(job, OLD)))).reason == "LEASE_LOST"
    verdicts = {verdict.lease_id: verdict for verdict in (await worker.heartbeat(job, again)).verdicts}
    assert verdicts[job.lease_id].verdict == verdicts[job.lease_id].VERDICT_LOST
    assert verdicts[again.lease_id].verdict == verdicts[again.lease_id].VERDICT_KEEP
    await worker.complete(again, worker.file(again, NEW))
    assert (await api.get(job.export_id)).attempt == 2


async def test_fault_11_a_worker_that_was_restarted_is_another_worker(
    api: Api, worker: Worker, clock: Clock, leases: LeasePolicy
) -> None:
    export = await api.create()
    poll_id = "00000000-0000-4000-8000-000000000011"
    (job,) = await worker.lease(poll_id=poll_id)
    restarted = Worker(api)
    assert restarted.id != worker.id
    assert await restarted.lease(wait_s=0, poll_id=poll_id) == []
    clock.now += 2 * LOST_ANSWER_AFTER  # its own it would be told of now
    assert not (await restarted.heartbeat()).missing_jobs
    polling = asyncio.create_task(restarted.lease(wait_s=20))
    await api.polls_in_line(1)
    await api.lives(clock, leases.confirm_window)
    (again,) = await polling
    assert (again.export_id, again.attempt) == (export.id, 1)
    assert again.lease_id != job.lease_id


async def test_fault_13_an_event_loop_busy_for_two_ttl_costs_no_export_its_work(settings: ApiSettings) -> None:
    leases = LeasePolicy(confirm_window=60 * SECOND, ttl=2 * SECOND, heartbeat_interval=SECOND)
    async with serving(replace(settings, leases=leases)) as api:
        worker = Worker(api)
        export = await api.create()
        (job,) = await worker.lease()
        await worker.heartbeat(job)
        time.sleep(2 * leases.ttl.total_seconds())  # the loop of this test is the api's and the worker's
        (verdict,) = (await worker.heartbeat(job)).verdicts
        assert verdict.verdict == verdict.VERDICT_KEEP
        await worker.complete(job, worker.file(job, OLD))
        shown = await api.get(export.id)
        assert (shown.state, shown.attempt) == (Export.STATE_COMPLETED, 1)


# ---- 16


async def test_fault_16_creates_that_are_cancelled_midway_are_whole_or_not_there(api: Api) -> None:
    for number in range(40):
        call = asyncio.ensure_future(_as_task(api.create(request_id=f"order-{number}")))
        await asyncio.sleep(number * 0.0002)  # somewhere in the middle of it
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    made = [(await api.create(request_id=f"order-{number}")).id for number in range(40)]
    jobs = [job for _ in range(5) for job in await Worker(api).lease(wait_s=0, max_jobs=10)]
    assert sorted(job.export_id for job in jobs) == sorted(made)


async def _as_task(call: Awaitable[export_pb2.Export]) -> export_pb2.Export:
    return await call
