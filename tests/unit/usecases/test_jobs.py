"""What workers and the clock may do, without a database."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from services.api.domain.states import CancelReason, State
from services.api.usecases import jobs
from services.contract.codes import FailureCode
from services.contract.errors import InvalidRequest, JobCancelled, LeaseLost, RowsMissing, StoreMismatch
from services.contract.job import LeaseRef, LeaseReport, Verdict
from services.contract.outcome import Consistency, Failure, MatchedBy, RunStats
from services.contract.store import artifact_prefix
from tests.ports.samples import CRASH, SECOND, SPEC, new_export
from tests.unit.usecases.conftest import WORKER, UseCases


async def state(api: UseCases, export_id: str) -> State:
    return (await api.exports.get("acme", export_id)).export.state


async def test_a_job_says_all_that_its_worker_must_know(api: UseCases) -> None:
    export = (await api.create()).export
    job = await api.lease()
    assert (job.lease.export_id, job.attempt, job.max_attempts) == (export.id, 1, 3)
    assert (job.store_id, job.artifact_prefix) == (api.artifacts.store_id, artifact_prefix(job.lease))
    assert (job.password, job.spec.collection) == ("", "Orders")
    assert await state(api, export.id) is State.PROCESSING


async def test_a_poll_that_is_repeated_gets_its_job_again_and_others_none(api: UseCases) -> None:
    await api.create()
    job = await api.lease()
    assert await api.lease() == job
    assert await api.jobs.lease("worker-2", "poll", 1, 0) == []


async def test_a_heartbeat_confirms_renews_and_tells_what_is_lost(api: UseCases) -> None:
    await api.create()
    job = await api.lease()
    lost = LeaseRef(job.lease.export_id, "f" * 32)
    api.pass_(10 * SECOND)
    answer = await api.jobs.heartbeat(WORKER, [LeaseReport(job.lease), LeaseReport(lost)], 0, draining=False)
    assert [verdict.verdict for verdict in answer.verdicts] == [Verdict.KEEP, Verdict.LOST]
    api.pass_(api.policy.ttl - SECOND)
    assert await api.jobs.expire() == []


async def test_a_worker_that_only_polls_is_heard_of(api: UseCases) -> None:
    assert await api.workers.present() == []
    assert await api.jobs.lease(WORKER, "poll", 1, 0) == []
    assert [worker.id for worker in await api.workers.present()] == [WORKER]


async def test_a_lease_of_which_its_worker_never_heard_is_announced_again(api: UseCases) -> None:
    await api.create()
    job = await api.lease()
    api.pass_(3 * SECOND)
    assert (await api.jobs.heartbeat(WORKER, [], 1, draining=False)).missing == (job,)


async def test_a_worker_that_drains_gives_back_and_gets_nothing(api: UseCases) -> None:
    export = (await api.create()).export
    await api.lease()
    api.pass_(SECOND)
    await api.jobs.heartbeat(WORKER, [], 0, draining=True)
    assert await state(api, export.id) is State.QUEUED
    assert await api.jobs.lease(WORKER, "poll-2", 1, 0) == []


LONG_S = 25.0
"""So long that a poll which only looked again by itself would not be done within a few turns of the loop."""


async def turns_of_the_loop() -> None:
    for _ in range(200):
        await asyncio.sleep(0)


@pytest.mark.parametrize("leaves", ["with a job", "cancelled", "draining"])
async def test_a_poll_that_was_woken_and_leaves_wakes_the_next_in_line(api: UseCases, leaves: str) -> None:
    if leaves == "with a job":
        await api.create()
    api.leases.gate.clear()
    first = asyncio.create_task(api.jobs.lease(WORKER, "poll-1", 1, LONG_S))
    await turns_of_the_loop()
    next_in_line = asyncio.create_task(api.jobs.lease("worker-2", "poll-2", 1, LONG_S))
    await turns_of_the_loop()
    second = (await api.create()).export
    if leaves == "draining":
        await api.jobs.heartbeat(WORKER, [], 0, draining=True)
    if leaves == "cancelled":
        first.cancel()
    api.leases.gate.set()
    await turns_of_the_loop()
    assert first.done()
    assert [job.lease.export_id for job in next_in_line.result()] == [second.id]


async def test_a_poll_that_finds_what_nobody_announced_has_the_next_one_look(api: UseCases) -> None:
    """What another process took on is found by one poll at first, in each look for work of any kind."""
    polls = [
        asyncio.create_task(api.jobs.lease(f"worker-{number}", f"poll-{number}", 1, LONG_S)) for number in range(4)
    ]
    await turns_of_the_loop()
    for _ in range(3):
        await api.store.exports.create(new_export(), SPEC, None)
    api.announcements.work()
    await turns_of_the_loop()
    assert [poll.done() for poll in polls] == [True, True, True, False]
    polls[-1].cancel()


async def test_what_is_completed_is_published_once_under_a_name(api: UseCases) -> None:
    export = (await api.create(filename="orders")).export
    job = await api.lease()
    built = api.built(job)
    await api.jobs.complete(job.lease, built)
    await api.jobs.complete(job.lease, built)
    view = await api.exports.get("acme", export.id)
    assert (view.export.state, view.export.file.filename, view.export.file.row_count) == (
        State.COMPLETED,
        "orders.csv",
        2,
    )
    assert [entry.event for entry in await api.exports.transitions("acme", export.id)] == [
        "CREATE",
        "LEASE",
        "COMPLETE",
    ]


async def test_nothing_is_published_that_the_store_does_not_hold_as_it_was_told(api: UseCases) -> None:
    export = (await api.create()).export
    job = await api.lease()
    built = api.built(job)
    short = RunStats(2, MatchedBy.COUNT, 1, Consistency.SNAPSHOT)
    with pytest.raises(RowsMissing):
        await api.jobs.complete(job.lease, replace(built, stats=short))
    with pytest.raises(StoreMismatch):
        await api.jobs.complete(job.lease, replace(built, artifact=replace(built.artifact, size_bytes=1)))
    with pytest.raises(StoreMismatch):
        await api.jobs.complete(job.lease, replace(built, artifact=replace(built.artifact, key="other/lease/a.csv")))
    with pytest.raises(InvalidRequest):
        await api.jobs.complete(job.lease, replace(built, artifact=replace(built.artifact, encrypted=True)))
    for sha256 in ("0" * 64, built.artifact.sha256.upper()):
        with pytest.raises(InvalidRequest) as refused:
            await api.jobs.complete(job.lease, replace(built, artifact=replace(built.artifact, sha256=sha256)))
        assert [violation.field for violation in refused.value.violations] == ["artifact.sha256"]
    assert await state(api, export.id) is State.PROCESSING


async def test_a_failure_is_tried_again_when_it_is_due_until_no_attempt_is_left(api: UseCases) -> None:
    export = (await api.create(max_attempts=2)).export
    await api.jobs.fail((await api.lease()).lease, CRASH)
    assert await state(api, export.id) is State.FAILED
    assert await api.jobs.lease(WORKER, "too soon", 1, 0) == []
    api.pass_(5 * SECOND)
    await api.jobs.fail((await api.lease("poll-2")).lease, CRASH)
    view = await api.exports.get("acme", export.id)
    assert (view.export.state, view.export.cancel_reason) == (State.CANCELLED, CancelReason.RETRIES_EXHAUSTED)
    assert [error.attempt for error in view.export.errors] == [1, 2]


async def test_a_failure_that_no_retry_mends_ends_the_export(api: UseCases) -> None:
    export = (await api.create(callback_url="https://x.test/")).export
    await api.jobs.fail((await api.lease()).lease, Failure(FailureCode.VALUE_INVALID, "no number"))
    assert await state(api, export.id) is State.CANCELLED
    (told,) = await api.exports.deliveries("acme", export.id)
    assert told.notice["errorMessages"] == ["no number"]


async def test_a_lease_that_runs_out_frees_its_export_and_its_worker_hears_of_it(api: UseCases) -> None:
    export = (await api.create()).export
    late = await api.lease()
    await api.jobs.heartbeat(WORKER, [LeaseReport(late.lease)], 0, draining=False)
    api.pass_(api.policy.ttl)
    assert [each.id for each in await api.jobs.expire()] == [export.id]
    assert await state(api, export.id) is State.FAILED
    (again,) = await api.jobs.lease("worker-2", "poll", 1, 0)
    assert again.attempt == 2
    for verb in (api.jobs.complete(late.lease, api.built(late)), api.jobs.fail(late.lease, CRASH)):
        with pytest.raises(LeaseLost):
            await verb


async def test_a_worker_that_is_late_completes_all_the_same_when_nobody_else_came(api: UseCases) -> None:
    export = (await api.create()).export
    late = await api.lease()
    await api.jobs.heartbeat(WORKER, [LeaseReport(late.lease)], 0, draining=False)
    api.pass_(api.policy.ttl + timedelta(hours=1))
    await api.jobs.expire()
    await api.jobs.complete(late.lease, api.built(late))
    assert await state(api, export.id) is State.COMPLETED


async def test_the_worker_of_a_cancelled_export_is_told_so(api: UseCases) -> None:
    export = (await api.create()).export
    job = await api.lease()
    await api.exports.cancel("acme", export.id, only_if_queued=False)
    answer = await api.jobs.heartbeat(WORKER, [LeaseReport(job.lease)], 0, draining=False)
    assert [verdict.verdict for verdict in answer.verdicts] == [Verdict.CANCELLED]
    with pytest.raises(JobCancelled):
        await api.jobs.complete(job.lease, api.built(job))


async def test_a_completion_reads_nothing_of_an_export_that_this_process_handed_out(
    api: UseCases, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = (await api.create()).export
    job = await api.lease()

    async def standings(_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(api.leases, "standings", standings, raising=False)
    await api.jobs.complete(job.lease, api.built(job))
    assert await state(api, export.id) is State.COMPLETED


async def test_an_export_that_another_process_handed_out_is_completed_too(api: UseCases) -> None:
    export = (await api.create()).export
    job = await api.lease()
    api.jobs._handed_out.clear()
    await api.jobs.complete(job.lease, api.built(job))
    assert await state(api, export.id) is State.COMPLETED


async def test_what_is_kept_of_exports_that_were_handed_out_has_a_bound(
    api: UseCases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_MAX_HANDED_OUT", 2)
    for number in range(3):
        await api.create()
        await api.lease(f"poll-{number}")
    assert len(api.jobs._handed_out) == 2


async def test_files_of_a_lost_lease_that_were_swept_are_no_mismatch_of_stores(api: UseCases) -> None:
    await api.create()
    job = await api.lease()
    built = api.built(job)
    await api.jobs.release([job.lease])
    await api.artifacts.remove(artifact_prefix(job.lease))
    with pytest.raises(LeaseLost):
        await api.jobs.complete(job.lease, built)


async def test_a_watcher_is_shown_a_change_that_was_announced_without_a_look_at_the_store(
    api: UseCases, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = (await api.create()).export
    watch = api.exports.watch("acme", export.id)
    assert (await anext(watch)).export.state is State.QUEUED

    async def placed(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(api.store.exports, "placed", placed)
    job = await api.lease()
    assert (await anext(watch)).export.state is State.PROCESSING
    await api.jobs.complete(job.lease, api.built(job))
    assert (await anext(watch)).export.file is not None


async def test_a_watcher_is_not_shown_an_announcement_that_is_older_than_what_it_has_seen(api: UseCases) -> None:
    export = (await api.create()).export
    job = await api.lease()
    watch = api.exports.watch("acme", export.id)
    assert (await anext(watch)).export.state is State.PROCESSING
    api.announcements.exported(export)
    assert (await anext(watch)).export.state is State.PROCESSING
    await api.jobs.complete(job.lease, api.built(job))
