import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.v1 import export_pb2, export_service_pb2
from services.api.domain.retry import Backoff
from services.api.settings import ApiSettings, Waits
from services.api.world import World
from tests.integration.api.conftest import Api, Clock, Worker, serving, until
from tests.integration.api.refusals import refused
from tests.tiers import deep

Export = export_pb2.Export
CONTENT = b"id,issuedAt\r\n1,2026-01-01T00:00:00Z\r\n2,\r\n"
SOON_S = 12.0
"""Time enough for a busy machine, and less than a poll, a ping or a quiet watch takes to come by itself."""


def _get(export_id: str) -> export_service_pb2.GetExportRequest:
    return export_service_pb2.GetExportRequest(export_id=export_id)


def _cancel(export_id: str, *, only_if_queued: bool = False) -> export_service_pb2.CancelExportRequest:
    return export_service_pb2.CancelExportRequest(export_id=export_id, only_if_queued=only_if_queued)


async def test_a_poll_that_waits_is_answered_as_soon_as_there_is_work(api: Api, worker: Worker) -> None:
    poll = asyncio.create_task(worker.lease(wait_s=20))
    await api.polls_in_line(1)
    export = await api.create()
    (job,) = await asyncio.wait_for(poll, SOON_S)
    assert job.export_id == export.id
    assert len(job.lease_id) == 32
    assert job.artifact_prefix == f"{export.id}/{job.lease_id}/"
    assert (await api.get(export.id)).state == Export.STATE_PROCESSING


async def test_a_completed_export_shows_its_file_and_result(api: Api, worker: Worker) -> None:
    export = await api.create(filename="orders")
    await worker.build(CONTENT)
    shown = await api.get(export.id)
    assert (shown.state, shown.done, shown.attempt) == (Export.STATE_COMPLETED, True, 1)
    assert (shown.file.filename, shown.file.type, shown.file.row_count) == ("orders.csv", "Export", 2)
    assert shown.file.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert shown.file.expire_time.ToDatetime() - shown.file.create_time.ToDatetime() == shown.options.ttl.ToTimedelta()
    assert (shown.result.success, shown.result.rows_matched, shown.result.rows_written) == (True, 2, 2)
    assert shown.result.file_size_bytes == len(CONTENT)
    fetched = await api.exports.GetFile(export_service_pb2.GetFileRequest(file_id=shown.file.id))
    assert fetched == shown.file


async def test_a_file_without_a_wanted_name_is_named_by_its_id(api: Api, worker: Worker) -> None:
    export = await api.create()
    await worker.build(CONTENT)
    file = (await api.get(export.id)).file
    assert file.filename == f"{file.id}.csv"


async def test_rows_that_are_missing_never_complete(api: Api, worker: Worker) -> None:
    export = await api.create()
    (job,) = await worker.lease()
    refusal = await refused(worker.complete(job, worker.file(job, CONTENT), written=1))
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "ROWS_MISSING")
    assert (await api.get(export.id)).state == Export.STATE_PROCESSING


async def test_a_file_that_is_not_in_the_store_is_not_published(api: Api, worker: Worker) -> None:
    await api.create()
    (job,) = await worker.lease()
    artifact = worker.file(job, CONTENT)
    (api.artifacts / artifact.key).write_bytes(CONTENT[:-1])
    refusal = await refused(worker.complete(job, artifact))
    assert refusal.reason == "STORE_MISMATCH"


async def test_a_key_outside_the_leases_prefix_is_not_published(api: Api, worker: Worker) -> None:
    await api.create()
    (job,) = await worker.lease()
    artifact = worker.file(job, CONTENT)
    artifact.key = "elsewhere/lease/export.csv"
    assert (await refused(worker.complete(job, artifact))).reason == "STORE_MISMATCH"


async def test_fault_08_a_repeated_complete_is_ok(api: Api, worker: Worker) -> None:
    export = await api.create()
    (job,) = await worker.lease()
    artifact = worker.file(job, CONTENT)
    await worker.complete(job, artifact)
    before = await api.get(export.id)
    await worker.complete(job, artifact)
    assert await api.get(export.id) == before


async def test_a_failed_attempt_shows_its_error_and_when_the_next_one_comes(api: Api, worker: Worker) -> None:
    export = await api.create()
    (job,) = await worker.lease()
    await worker.fail(job)
    shown = await api.get(export.id)
    assert (shown.state, shown.done) == (Export.STATE_FAILED, False)
    assert [(e.attempt, e.code) for e in shown.result.errors] == [(1, "SOURCE_UNAVAILABLE")]
    assert shown.HasField("next_attempt_time")


async def test_a_failure_that_no_retry_mends_ends_the_export(api: Api, worker: Worker) -> None:
    export = await api.create()
    (job,) = await worker.lease()
    await worker.fail(job, "COLUMN_MISSING")
    shown = await api.get(export.id)
    assert (shown.state, shown.cancel_reason) == (Export.STATE_CANCELLED, Export.CANCEL_REASON_NOT_RETRYABLE)


async def test_the_last_attempt_exhausts_the_retries(api: Api, worker: Worker) -> None:
    export = await api.create(max_attempts=1)
    (job,) = await worker.lease()
    await worker.fail(job)
    shown = await api.get(export.id)
    assert (shown.state, shown.cancel_reason) == (
        Export.STATE_CANCELLED,
        Export.CANCEL_REASON_RETRIES_EXHAUSTED,
    )
    assert await worker.lease(wait_s=0) == []


async def test_cancel_is_final_for_the_caller_and_fences_the_worker(api: Api, worker: Worker) -> None:
    export = await api.create()
    (job,) = await worker.lease()
    cancelled = await api.exports.CancelExport(_cancel(export.id))
    assert (cancelled.state, cancelled.cancel_reason) == (
        Export.STATE_CANCELLED,
        Export.CANCEL_REASON_REQUESTED,
    )
    refusal = await refused(worker.complete(job, worker.file(job, CONTENT)))
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "JOB_CANCELLED")
    (verdict,) = (await worker.heartbeat(job)).verdicts
    assert verdict.verdict == verdict.VERDICT_CANCELLED
    assert await api.exports.CancelExport(_cancel(export.id)) == cancelled


async def test_cancel_refuses_what_is_completed(api: Api, worker: Worker) -> None:
    export = await api.create()
    await worker.build(CONTENT)
    assert (await refused(api.exports.CancelExport(_cancel(export.id)))).reason == "ILLEGAL_TRANSITION"


async def test_only_if_queued_leaves_a_running_export_alone(api: Api, worker: Worker) -> None:
    export = await api.create()
    await worker.lease()
    refusal = await refused(api.exports.CancelExport(_cancel(export.id, only_if_queued=True)))
    assert (refusal.reason, refusal.metadata["state"]) == ("NOT_QUEUED", "PROCESSING")


async def test_a_released_job_is_queued_again_without_spending_an_attempt(api: Api, worker: Worker) -> None:
    export = await api.create()
    (job,) = await worker.lease()
    await worker.release(job)
    shown = await api.get(export.id)
    assert (shown.state, shown.attempt) == (Export.STATE_QUEUED, 0)
    (again,) = await worker.lease()
    assert again.lease_id != job.lease_id
    assert (await refused(worker.complete(job, worker.file(job, CONTENT)))).reason == "LEASE_LOST"


async def test_fault_01_a_repeated_poll_returns_the_jobs_of_the_lost_answer(api: Api, worker: Worker) -> None:
    await api.create()
    await api.create()
    poll_id = "00000000-0000-4000-8000-000000000001"
    first = await worker.lease(poll_id=poll_id)
    assert await worker.lease(poll_id=poll_id) == first


async def test_fault_01_a_lease_whose_announcement_was_lost_comes_again_with_a_heartbeat(
    settings: ApiSettings, clock: Clock
) -> None:
    async with serving(settings, World(clock=clock)) as api:
        worker = Worker(api)
        await api.create()
        (job,) = await worker.lease()
        clock.now += timedelta(seconds=1.9)  # for 2 s the answer may be under way still
        assert not (await worker.heartbeat()).missing_jobs
        clock.now += timedelta(seconds=0.2)
        (missing,) = (await worker.heartbeat()).missing_jobs
        assert missing == job


async def test_a_worker_that_drains_gets_nothing_and_its_unconfirmed_lease_is_taken_back(
    api: Api, worker: Worker
) -> None:
    export = await api.create()
    await worker.lease()
    await worker.heartbeat(draining=True)
    assert (await api.get(export.id)).state == Export.STATE_QUEUED
    assert await worker.lease(wait_s=5) == []
    assert len(await Worker(api).lease()) == 1


async def test_fault_02_a_poll_that_was_cut_off_does_not_swallow_work(api: Api, worker: Worker) -> None:
    dead = asyncio.create_task(worker.lease(wait_s=20))
    await api.polls_in_line(1)  # the dead poll has to be first
    living = asyncio.create_task(Worker(api).lease(wait_s=20))
    await api.polls_in_line(2)
    dead.cancel()
    await api.polls_in_line(1)  # the cut and the next create come over different lines, in either order
    await api.create()
    assert len(await asyncio.wait_for(living, SOON_S)) == 1


async def test_another_tenants_export_is_not_found(api: Api) -> None:
    export = await api.create()
    other = [("x-exportd-tenant", "other")]
    for call in (
        api.exports.GetExport(_get(export.id), metadata=other),
        api.exports.CancelExport(_cancel(export.id), metadata=other),
        api.exports.DeleteExport(export_service_pb2.DeleteExportRequest(export_id=export.id), metadata=other),
    ):
        assert (await refused(call)).reason == "EXPORT_NOT_FOUND"
    listed = await api.exports.ListExports(export_service_pb2.ListExportsRequest(), metadata=other)
    assert not listed.exports


async def test_delete_leaves_nothing_and_may_be_repeated(api: Api, worker: Worker) -> None:
    export = await api.create()
    await worker.build(CONTENT)
    file_id = (await api.get(export.id)).file.id
    for _ in range(2):
        await api.exports.DeleteExport(export_service_pb2.DeleteExportRequest(export_id=export.id))
    assert (await refused(api.exports.GetExport(_get(export.id)))).reason == "EXPORT_NOT_FOUND"
    gone = api.exports.GetFile(export_service_pb2.GetFileRequest(file_id=file_id))
    assert (await refused(gone)).reason == "FILE_NOT_FOUND"


async def test_delete_refuses_what_is_not_done(api: Api) -> None:
    export = await api.create()
    call = api.exports.DeleteExport(export_service_pb2.DeleteExportRequest(export_id=export.id))
    assert (await refused(call)).reason == "ILLEGAL_TRANSITION"


async def test_lists_page_newest_first_and_filter(api: Api) -> None:
    made = [(await api.create(labels={"n": str(n)})).id for n in range(5)]
    request = export_service_pb2.ListExportsRequest(page_size=2)
    first = await api.exports.ListExports(request)
    request.page_token = first.next_page_token
    second = await api.exports.ListExports(request)
    assert [e.id for e in (*first.exports, *second.exports)] == made[:0:-1]
    labelled = await api.exports.ListExports(export_service_pb2.ListExportsRequest(labels={"n": "3"}))
    assert [e.id for e in labelled.exports] == [made[3]]
    done = await api.exports.ListExports(export_service_pb2.ListExportsRequest(states=[Export.STATE_COMPLETED]))
    assert not done.exports


async def test_a_page_token_of_other_filters_is_refused(api: Api) -> None:
    for _ in range(2):
        await api.create()
    first = await api.exports.ListExports(export_service_pb2.ListExportsRequest(page_size=1))
    other = export_service_pb2.ListExportsRequest(page_size=1, page_token=first.next_page_token, type="Orders")
    assert list((await refused(api.exports.ListExports(other))).violations) == ["page_token"]


async def test_a_negative_page_size_is_refused(api: Api) -> None:
    call = api.exports.ListExports(export_service_pb2.ListExportsRequest(page_size=-1))
    assert list((await refused(call)).violations) == ["page_size"]


async def test_queue_positions_count_the_tenants_own(api: Api) -> None:
    first, second = await api.create(), await api.create()
    assert (first.queue_position, second.queue_position) == (1, 2)
    assert second.wait_reason == export_pb2.Export.WAIT_REASON_NO_WORKER
    await Worker(api).heartbeat()
    assert (await api.get(second.id)).wait_reason == export_pb2.Export.WAIT_REASON_QUEUE


async def test_a_watch_shows_every_state_and_ends_when_done(api: Api, worker: Worker) -> None:
    export = await api.create()
    seen: list[export_pb2.Export] = []

    async def watch() -> None:
        async for message in _watch(api, export.id):
            seen.append(message)  # noqa: PERF401 - one by one: the test looks at them meanwhile

    watching = asyncio.create_task(watch())
    await until(lambda: bool(seen))  # heartbeats are asked for often while somebody watches
    (job,) = await worker.lease()
    progress = export_pb2.Progress(phase=export_pb2.Progress.PHASE_WRITING, rows_written=7)
    answer = await worker.heartbeat(job, progress=progress)
    assert answer.heartbeat_interval.ToTimedelta().total_seconds() <= 1
    await until(lambda: any(m.progress.rows_written == 7 for m in seen))
    await worker.complete(job, worker.file(job, CONTENT))
    await asyncio.wait_for(watching, SOON_S)
    states = list(dict.fromkeys(m.state for m in seen))
    assert states[-2:] == [Export.STATE_PROCESSING, Export.STATE_COMPLETED]
    assert [m.version for m in seen] == sorted(m.version for m in seen)


async def test_a_watch_ends_with_not_found_when_the_export_is_deleted(api: Api) -> None:
    refusal = await refused(anext(aiter(_watch(api, "00000000-0000-7000-8000-000000000000"))))
    assert refusal.reason == "EXPORT_NOT_FOUND"


def _watch(api: Api, export_id: str) -> grpc.aio.UnaryStreamCall:
    return api.exports.WatchExport(export_service_pb2.WatchExportRequest(export_id=export_id))


async def test_fault_18_draining_ends_watches_and_polls_with_a_retryable_status(api: Api, worker: Worker) -> None:
    export = await api.create()
    await worker.lease()
    watch = _watch(api, export.id)
    await anext(aiter(watch))
    poll = asyncio.create_task(Worker(api).lease(wait_s=20))
    await api.polls_in_line(1)
    api.stop.drain.set()
    for ended in (poll, anext(aiter(watch))):
        refusal = await asyncio.wait_for(refused(ended), SOON_S)
        assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "SHUTTING_DOWN")


async def test_an_api_that_drains_does_not_drain_its_workers(api: Api, worker: Worker) -> None:
    hints = aiter(api.jobs.WatchDirectives(queue_pb2.WatchDirectivesRequest(worker_id=worker.id)))
    await anext(hints)
    api.stop.drain.set()
    refusal = await asyncio.wait_for(refused(anext(hints)), SOON_S)
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "SHUTTING_DOWN")


async def test_a_watch_looks_by_itself_when_an_announcement_was_lost(settings: ApiSettings, clock: Clock) -> None:
    async with serving(replace(settings, waits=Waits(keepalive_s=0.1))) as api:
        export = await api.create()
        watch = aiter(_watch(api, export.id))
        await anext(watch)
        await api.parts.store.exports.cancel("default", export.id, clock(), only_if_queued=False)  # and nobody is told
        while (seen := await asyncio.wait_for(anext(watch), SOON_S)).state == Export.STATE_QUEUED:
            pass
        assert seen.state == Export.STATE_CANCELLED


async def test_a_completion_is_seen_at_once_even_behind_progress(api: Api, worker: Worker) -> None:
    export = await api.create()
    (job,) = await worker.lease()
    await worker.heartbeat(job)
    artifact = worker.file(job, CONTENT)
    watch = aiter(_watch(api, export.id))
    await anext(watch)
    await worker.heartbeat(job, progress=export_pb2.Progress(phase=export_pb2.Progress.PHASE_WRITING, rows_written=1))
    await worker.complete(job, artifact)
    states = [(await asyncio.wait_for(anext(watch), SOON_S)).state]
    while states[-1] != Export.STATE_COMPLETED:
        states.append((await asyncio.wait_for(anext(watch), SOON_S)).state)
    assert len(states) <= 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"sha256": "not a sha"}, "artifact.sha256"),
        ({"entries": [export_pb2.Entry(name="x")] * 101, "entry_count": 101}, "artifact.entries"),
    ],
)
async def test_a_report_that_cannot_be_true_is_refused(
    api: Api, worker: Worker, change: dict[str, object], field: str
) -> None:
    await api.create()
    (job,) = await worker.lease()
    artifact = worker.file(job, CONTENT)
    artifact.MergeFrom(queue_pb2.Artifact(**change))
    assert list((await refused(worker.complete(job, artifact))).violations) == [field]


async def test_states_and_labels_that_cannot_be_are_refused(api: Api) -> None:
    unknown = export_service_pb2.ListExportsRequest(states=[99])
    assert list((await refused(api.exports.ListExports(unknown))).violations) == ["states"]
    many = export_service_pb2.ListExportsRequest(labels={str(n): "" for n in range(65)})
    assert list((await refused(api.exports.ListExports(many))).violations) == ["labels"]


async def test_thousands_of_unknown_fields_are_refused_without_holding_others_up(api: Api) -> None:
    newer = export_service_pb2.CreateExportRequest(uri="/shops/7/orders")
    newer.MergeFromString(b"\xf8\x3f\x01" * 20_000)
    refusal = await asyncio.wait_for(refused(api.exports.CreateExport(newer)), SOON_S)
    assert refusal.reason == "INVALID_REQUEST"


async def test_a_retry_that_falls_due_between_two_looks_is_not_missed(settings: ApiSettings) -> None:
    backoff = Backoff(base=timedelta(milliseconds=100))
    async with serving(replace(settings, backoff=backoff), World(random=lambda: 1.0)) as api:
        worker = Worker(api)
        for _ in range(5):
            await api.create(max_attempts=10)
            (job,) = await worker.lease()
            await worker.fail(job)
            await asyncio.sleep(0.096)  # just before it is due
            (again,) = await asyncio.wait_for(worker.lease(wait_s=20), SOON_S)
            await worker.fail(again, "COLUMN_MISSING")


async def test_cancel_reaches_a_worker_that_listens_at_once(api: Api, worker: Worker) -> None:
    hints = aiter(api.jobs.WatchDirectives(queue_pb2.WatchDirectivesRequest(worker_id=worker.id)))
    assert (await anext(hints)).WhichOneof("directive") == "ping"
    export = await api.create()
    (job,) = await worker.lease()
    await api.exports.CancelExport(_cancel(export.id))
    hint = await asyncio.wait_for(anext(hints), SOON_S)
    assert hint.cancel.lease_id == job.lease_id


async def test_health_is_serving(api: Api) -> None:
    async with grpc.aio.insecure_channel(api.target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service="exportd.v1.ExportService"))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff", b"\x0a\xff"])
async def test_an_undecodable_request_is_invalid_and_says_nothing_of_the_inside(api: Api, garbage: bytes) -> None:
    async with grpc.aio.insecure_channel(api.target) as channel:
        call = channel.unary_unary("/exportd.v1.ExportService/CreateExport")(garbage)
        refusal = await refused(call)
    assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    assert "Error parsing" not in refusal.message


@deep
async def test_a_page_of_long_requests_is_one_that_clients_take(api: Api) -> None:
    long = "&".join(f"id={'x' * 100}{n}" for n in range(60))
    made = [(await api.create(f"/shops/7/orders?{long}")).id for _ in range(200)]
    listed, token = [], ""
    while True:
        page = await api.exports.ListExports(export_service_pb2.ListExportsRequest(page_size=1000, page_token=token))
        assert page.ByteSize() < 4 * 1024 * 1024
        listed += [export.id for export in page.exports]
        if not (token := page.next_page_token):
            break
    assert listed == made[::-1]
