"""CompleteJobs: each job has its own outcome, and the next jobs come with the answer."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.v1 import export_pb2, export_service_pb2
from services.api.domain.leases import LeasePolicy
from services.api.ports.artifacts import Content
from services.api.rpc.queue.fields import MAX_COMPLETED_JOBS
from services.api.storage.artifacts.folder import FolderArtifactStore
from services.runtime import logs
from tests.integration.api.conftest import Api, Worker
from tests.integration.api.refusals import refused
from tests.patience import PATIENCE_S

CONTENT = b"id\r\n1\r\n2\r\n"
DONE = export_pb2.Export.STATE_COMPLETED


async def held(api: Api, worker: Worker, count: int) -> list[queue_pb2.Job]:
    """Jobs of this worker, confirmed, with their files in the store."""
    for _ in range(count):
        await api.create()
    jobs = await worker.lease(max_jobs=count)
    await worker.heartbeat(*jobs)
    return jobs


def completion(worker: Worker, job: queue_pb2.Job, written: int = 2, **artifact: Any) -> queue_pb2.CompleteJobRequest:
    file = worker.file(job, CONTENT)
    file.MergeFrom(queue_pb2.Artifact(**artifact))
    stats = queue_pb2.RunStats(
        rows_matched=2,
        rows_written=written,
        matched_by=export_pb2.MATCHED_BY_COUNT,
        consistency=export_pb2.CONSISTENCY_SNAPSHOT,
    )
    return queue_pb2.CompleteJobRequest(export_id=job.export_id, lease_id=job.lease_id, artifact=file, stats=stats)


def call(worker: Worker, some: Sequence[queue_pb2.CompleteJobRequest], **poll: Any) -> queue_pb2.CompleteJobsRequest:
    following = queue_pb2.NextPoll(**{"poll_id": str(uuid4()), "max_jobs": 4} | poll) if poll else None
    return queue_pb2.CompleteJobsRequest(worker_id=worker.id, jobs=some, next=following)


def reasons(answer: queue_pb2.CompleteJobsResponse) -> list[str]:
    return [outcome.reason for outcome in answer.outcomes]


async def state(api: Api, job: queue_pb2.Job) -> int:
    found = await api.exports.GetExport(export_service_pb2.GetExportRequest(export_id=job.export_id))
    return found.state


async def test_jobs_are_completed_and_the_next_ones_come_with_the_answer(api: Api, worker: Worker) -> None:
    jobs = await held(api, worker, 2)
    waiting = {(await api.create()).id for _ in range(2)}
    answer = await api.jobs.CompleteJobs(call(worker, [completion(worker, job) for job in jobs], max_jobs=2))
    assert reasons(answer) == ["", ""]
    assert [await state(api, job) for job in jobs] == [DONE, DONE]
    assert {job.export_id for job in answer.jobs} == waiting
    assert len((await worker.heartbeat(*answer.jobs)).verdicts) == 2


@pytest.mark.parametrize("leases", [LeasePolicy(inspection_wait=timedelta(seconds=PATIENCE_S))], ids=["any machine"])
async def test_completions_and_the_claim_of_a_call_are_one_transaction(api: Api, worker: Worker) -> None:
    jobs = await held(api, worker, 2)
    for _ in range(2):
        await api.create()
    commits: list[sa.Connection] = []
    note = commits.append
    sa.event.listen(sa.Engine, "commit", note)
    try:
        answer = await api.jobs.CompleteJobs(call(worker, [completion(worker, job) for job in jobs], max_jobs=2))
    finally:
        sa.event.remove(sa.Engine, "commit", note)
    assert (reasons(answer), len(answer.jobs)) == (["", ""], 2)
    assert len(commits) == 1


async def test_a_store_that_is_slow_does_not_hold_up_the_next_jobs(
    api: Api, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = await held(api, worker, 1)
    waiting = await api.create()
    content, go_on = FolderArtifactStore.content, asyncio.Event()

    async def slow(store: FolderArtifactStore, key: str, *, gmac_will_do: bool) -> Content | None:
        await go_on.wait()
        return await content(store, key, gmac_will_do=gmac_will_do)

    monkeypatch.setattr(FolderArtifactStore, "content", slow)
    answer = asyncio.ensure_future(api.jobs.CompleteJobs(call(worker, [completion(worker, job)], max_jobs=1)))
    while (await api.get(waiting.id)).state == export_pb2.Export.STATE_QUEUED:
        await asyncio.sleep(0.01)  # between two looks
    go_on.set()
    assert reasons(await answer) == [""]


async def test_without_a_poll_or_without_work_there_are_no_jobs(api: Api, worker: Worker) -> None:
    first, second = await held(api, worker, 2)
    answer = await api.jobs.CompleteJobs(call(worker, [completion(worker, first)], max_jobs=1))
    assert (reasons(answer), list(answer.jobs)) == ([""], [])
    await api.create()
    answer = await api.jobs.CompleteJobs(call(worker, [completion(worker, second)]))
    assert (reasons(answer), list(answer.jobs)) == ([""], [])


async def test_what_is_wrong_with_one_job_is_its_own(api: Api, worker: Worker) -> None:
    good, lost, cancelled, short, changed, malformed = jobs = await held(api, worker, 6)
    await worker.release(lost)
    await api.exports.CancelExport(export_service_pb2.CancelExportRequest(export_id=cancelled.export_id))
    some = [
        completion(worker, lost),
        completion(worker, cancelled),
        completion(worker, short, written=1),
        completion(worker, changed, sha256="0" * 64),
        completion(worker, malformed, extension="no extension"),
        completion(worker, good),
    ]
    answer = await api.jobs.CompleteJobs(call(worker, some))
    assert reasons(answer) == [
        "LEASE_LOST",
        "JOB_CANCELLED",
        "ROWS_MISSING",
        "INVALID_REQUEST",
        "INVALID_REQUEST",
        "",
    ]
    assert dict(answer.outcomes[0].metadata) == {"export_id": lost.export_id}
    assert dict(answer.outcomes[2].metadata) == {"rows_matched": "2", "rows_written": "1"}
    assert "artifact.extension" in answer.outcomes[4].message
    assert [job.export_id for job in jobs if await state(api, job) == DONE] == [good.export_id]


async def test_a_lost_answer_is_given_again(api: Api, worker: Worker) -> None:
    done, lost = await held(api, worker, 2)
    await worker.release(lost)
    request = call(worker, [completion(worker, done), completion(worker, lost)], poll_id=str(uuid4()), max_jobs=1)
    first = await api.jobs.CompleteJobs(request)
    assert reasons(first) == ["", "LEASE_LOST"]
    assert [job.export_id for job in first.jobs] == [lost.export_id]
    assert await api.jobs.CompleteJobs(request) == first
    assert await worker.lease(poll_id=request.next.poll_id) == list(first.jobs)


async def test_two_calls_at_once_complete_a_job_once(api: Api, worker: Worker) -> None:
    (job,) = await held(api, worker, 1)
    request = call(worker, [completion(worker, job), completion(worker, job)])
    both = await asyncio.gather(api.jobs.CompleteJobs(request), api.jobs.CompleteJobs(request))
    assert [reasons(answer) for answer in both] == [["", ""], ["", ""]]
    history = await api.exports.ListTransitions(export_service_pb2.ListTransitionsRequest(export_id=job.export_id))
    assert len([each for each in history.transitions if each.event == export_pb2.Transition.EVENT_COMPLETE]) == 1


@pytest.mark.parametrize(
    ("count", "bound"), [(0, "at least 1"), (MAX_COMPLETED_JOBS + 1, f"at most {MAX_COMPLETED_JOBS}")]
)
async def test_the_number_of_jobs_has_bounds(api: Api, worker: Worker, count: int, bound: str) -> None:
    (job,) = await held(api, worker, 1)
    refusal = await refused(api.jobs.CompleteJobs(call(worker, [completion(worker, job)] * count)))
    assert refusal.reason == "INVALID_REQUEST"
    assert refusal.violations == {"jobs": f"must be {bound}"}
    assert await state(api, job) != DONE


async def test_a_poll_that_is_refused_does_not_refuse_the_completions(api: Api, worker: Worker) -> None:
    (job,) = await held(api, worker, 1)
    await api.create()
    elsewhere = queue_pb2.Capabilities(names=["spec/1"], store_id=str(uuid4()))
    answer = await api.jobs.CompleteJobs(call(worker, [completion(worker, job)], max_jobs=1, capabilities=elsewhere))
    assert (reasons(answer), list(answer.jobs)) == ([""], [])
    assert await state(api, job) == DONE


async def test_the_log_has_every_job(api: Api, worker: Worker) -> None:
    done, lost = await held(api, worker, 2)
    await worker.release(lost)
    with capture_logs(processors=[logs.with_bound]) as lines:
        answer = await api.jobs.CompleteJobs(
            call(worker, [completion(worker, done), completion(worker, lost)], max_jobs=1)
        )
    (line,) = (each for each in lines if each.get("method") == "CompleteJobs")
    assert (line["worker_id"], line["code"]) == (worker.id, "OK")
    assert line["completed"] == {job.export_id: job.lease_id for job in (done, lost)}
    assert line["refused"] == {lost.export_id: "LEASE_LOST"}
    assert line["leases"] == {job.export_id: job.lease_id for job in answer.jobs}


async def test_the_file_is_what_was_announced(api: Api, worker: Worker) -> None:
    (job,) = await held(api, worker, 1)
    await api.jobs.CompleteJobs(call(worker, [completion(worker, job)]))
    found = await api.exports.GetExport(export_service_pb2.GetExportRequest(export_id=job.export_id))
    assert found.file.sha256 == hashlib.sha256(CONTENT).hexdigest()
