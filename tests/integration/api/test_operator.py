"""What operators see and move, and what history says about it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.v1 import export_pb2, export_service_pb2, operator_service_pb2
from exportd_client import name_of
from services.api.settings import ApiSettings
from services.api.world import World
from tests.integration.api.conftest import Api, Clock, Worker, serving
from tests.integration.api.refusals import refused

EXPORT = export_pb2.Export
TENANT = "x-exportd-tenant"


async def retry(api: Api, export_id: str, **fields: object) -> export_pb2.Export:
    return await api.operators.RetryExport(operator_service_pb2.RetryExportRequest(export_id=export_id, **fields))


async def history(api: Api, export_id: str) -> list[export_pb2.Transition]:
    request = export_service_pb2.ListTransitionsRequest(export_id=export_id)
    return list((await api.exports.ListTransitions(request)).transitions)


async def given_up(api: Api, worker: Worker, **fields: object) -> export_pb2.Export:
    """An export whose only attempt failed permanently."""
    export = await api.create(**fields)
    (job,) = await worker.lease()
    await worker.fail(job, "COLUMN_MISSING")
    return await api.get(export.id)


async def test_an_export_that_failed_for_good_is_sent_round_again(api: Api, worker: Worker) -> None:
    export = await given_up(api, worker)
    again = await retry(api, export.id, max_attempts=2)
    assert (again.state, again.run, again.attempt, again.max_attempts) == (EXPORT.STATE_QUEUED, 2, 1, 3)
    assert not again.HasField("end_time")
    await worker.build(b"id\r\n1\r\n")
    done = await api.get(export.id)
    assert (done.state, done.attempt) == (EXPORT.STATE_COMPLETED, 2)
    assert [error.code for error in done.result.errors] == ["COLUMN_MISSING"]


async def test_a_retry_needs_an_export_that_failed_for_good(api: Api, worker: Worker) -> None:
    export = await api.create()
    assert (await refused(retry(api, export.id))).reason == "ILLEGAL_TRANSITION"
    await api.exports.CancelExport(export_service_pb2.CancelExportRequest(export_id=export.id))
    assert (await refused(retry(api, export.id))).reason == "ILLEGAL_TRANSITION"
    done = await given_up(api, worker)
    assert list((await refused(retry(api, done.id, max_attempts=11))).violations) == ["max_attempts"]
    assert list((await refused(retry(api, done.id, password="x"))).violations) == ["password"]
    assert (await refused(retry(api, "01935a00-0000-7000-8000-000000000000"))).reason == "EXPORT_NOT_FOUND"


async def test_a_retry_of_an_encrypted_export_asks_for_its_password(api: Api, worker: Worker) -> None:
    export = await given_up(api, worker, password="old secret")
    assert (await refused(retry(api, export.id))).reason == "PASSWORD_REQUIRED"
    await retry(api, export.id, password="new secret")
    (job,) = await worker.lease()
    assert job.password == "new secret"


async def test_a_late_answer_of_the_run_before_is_fenced(api: Api, worker: Worker) -> None:
    export = await api.create(max_attempts=1)
    (job,) = await worker.lease()
    await worker.heartbeat(job)
    await worker.fail(job)
    await retry(api, export.id)
    assert (await refused(worker.complete(job, worker.file(job, b"id\r\n")))).reason == "LEASE_LOST"
    assert (await api.get(export.id)).state == EXPORT.STATE_QUEUED


async def test_the_history_says_who_when_and_why(api: Api, worker: Worker) -> None:
    export = await given_up(api, worker)
    await retry(api, export.id)
    await api.exports.CancelExport(export_service_pb2.CancelExportRequest(export_id=export.id))
    entries = await history(api, export.id)
    actor, event = export_pb2.Transition.Actor, export_pb2.Transition.Event
    assert [
        (name_of(event, e.event), name_of(actor, e.actor), name_of(EXPORT.State, e.after), e.run) for e in entries
    ] == [
        ("CREATE", "CALLER", "QUEUED", 1),
        ("LEASE", "WORKER", "PROCESSING", 1),
        ("GIVE_UP", "WORKER", "CANCELLED", 1),
        ("RETRY", "OPERATOR", "QUEUED", 2),
        ("CANCEL", "CALLER", "CANCELLED", 2),
    ]
    assert [e.before for e in entries] == [EXPORT.STATE_UNSPECIFIED, *(e.after for e in entries[:-1])]
    assert [e.version for e in entries] == [1, 2, 3, 4, 5]
    assert entries[1].worker_id == entries[2].worker_id == worker.id
    assert entries[2].reason == "COLUMN_MISSING: the source did not answer"
    times = [e.create_time.ToDatetime() for e in entries]
    assert times == sorted(times)


async def test_the_history_of_another_tenant_is_not_there(api: Api) -> None:
    export = await api.create()
    request = export_service_pb2.ListTransitionsRequest(export_id=export.id)
    refusal = await refused(api.exports.ListTransitions(request, metadata=[(TENANT, "other")]))
    assert refusal.reason == "EXPORT_NOT_FOUND"


async def test_the_queue_is_counted_by_tenant(api: Api, worker: Worker) -> None:
    for tenant, count in (("acme", 3), ("zeta", 1)):
        for _ in range(count):
            request = export_service_pb2.CreateExportRequest(uri="/shops/7/orders", format=export_pb2.FORMAT_CSV)
            await api.exports.CreateExport(request, metadata=[(TENANT, tenant)])
    await worker.lease(max_jobs=2)
    queue = await api.operators.GetQueue(operator_service_pb2.GetQueueRequest())
    counted = {part.tenant: (part.queued, part.processing, part.failed) for part in queue.tenants}
    assert counted == {"acme": (2, 1, 0), "zeta": (0, 1, 0)}
    assert queue.oldest_age.ToTimedelta().total_seconds() > 0


async def test_workers_are_listed_and_drained(api: Api, worker: Worker) -> None:
    await api.create()
    (job,) = await worker.lease()
    await worker.heartbeat(job)
    (shown,) = (await api.operators.ListWorkers(operator_service_pb2.ListWorkersRequest())).workers
    assert (shown.id, shown.running, shown.draining) == (worker.id, 1, False)
    polling = asyncio.create_task(worker.lease(wait_s=20))
    await api.polls_in_line(1)
    drained = await api.operators.DrainWorker(operator_service_pb2.DrainWorkerRequest(worker_id=worker.id))
    assert drained.draining
    assert await asyncio.wait_for(polling, 15) == []  # less than it waits
    assert (await worker.heartbeat(job)).drain
    await api.create()
    assert await worker.lease(wait_s=0) == []
    unknown = operator_service_pb2.DrainWorkerRequest(worker_id="01935a00-0000-7000-8000-000000000000")
    assert (await refused(api.operators.DrainWorker(unknown))).reason == "WORKER_NOT_FOUND"


async def test_a_priority_overtakes_the_tenants_own(api: Api, worker: Worker) -> None:
    late, urgent = await api.create(), await api.create(priority=9)
    assert ((await api.get(late.id)).queue_position, (await api.get(urgent.id)).queue_position) == (2, 1)
    (first,), (second,) = await worker.lease(), await worker.lease()
    assert (first.export_id, second.export_id) == (urgent.id, late.id)
    assert list((await refused(api.create(priority=10))).violations) == ["priority"]


@pytest.fixture
async def capped(settings: ApiSettings, tmp_path):
    (tmp_path / "tenants.toml").write_text("[default]\nmax_running = 1\n")
    async with serving(replace(settings, tenants=tmp_path / "tenants.toml")) as served:
        yield served


async def test_a_tenant_runs_no_more_than_its_cap_and_is_told_so(capped: Api) -> None:
    worker = Worker(capped)
    await capped.create()
    waiting = await capped.create()
    assert len(await worker.lease(max_jobs=2)) == 1
    assert (await capped.get(waiting.id)).wait_reason == EXPORT.WAIT_REASON_TENANT_CAP
    assert await worker.lease(wait_s=0) == []


async def test_a_slot_that_becomes_free_under_a_cap_is_used_at_once(capped: Api) -> None:
    worker = Worker(capped)
    await capped.create()
    waiting = await capped.create()
    (job,) = await worker.lease()
    polling = asyncio.create_task(worker.lease(wait_s=20))
    await capped.polls_in_line(1)
    await worker.heartbeat(job)
    await worker.complete(job, worker.file(job, b"id\r\n"))
    (next_one,) = await asyncio.wait_for(polling, 15)  # less than it waits
    assert next_one.export_id == waiting.id


async def test_a_worker_that_is_asked_to_drain_is_no_worker_for_those_who_wait(api: Api, worker: Worker) -> None:
    await worker.heartbeat()
    export = await api.create()
    assert (await api.get(export.id)).wait_reason == EXPORT.WAIT_REASON_QUEUE
    await api.operators.DrainWorker(operator_service_pb2.DrainWorkerRequest(worker_id=worker.id))
    assert (await api.get(export.id)).wait_reason == EXPORT.WAIT_REASON_NO_WORKER
    assert isinstance(await worker.heartbeat(), queue_pb2.HeartbeatResponse)


async def test_the_open_poll_of_a_worker_that_was_stopped_gets_nothing(settings: ApiSettings, clock: Clock) -> None:
    async with serving(settings, World(clock=clock)) as served:
        stopped, sound = Worker(served), Worker(served)
        await stopped.heartbeat()
        polling = asyncio.create_task(stopped.lease(wait_s=20))
        await served.polls_in_line(1)
        clock.now += settings.leases.ttl + timedelta(seconds=1)  # its heartbeats are missing now
        waiting = asyncio.create_task(sound.lease(wait_s=20))
        await served.polls_in_line(2)  # behind the other
        export = await served.create()
        (job,) = await asyncio.wait_for(waiting, 15)  # less than it waits
        assert job.export_id == export.id
        assert await asyncio.wait_for(polling, 15) == []  # less than it waits
