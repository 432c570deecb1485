"""What a worker does with leases, from the poll to the report."""

import asyncio
import gzip
import hashlib
from dataclasses import replace

import pytest

from services.contract.errors import LeaseLost, RowsMissing, StoreMismatch
from services.contract.formats import Compression
from services.contract.job import Hint
from services.contract.outcome import Consistency, MatchedBy, Phase
from services.contract.store import MARKER
from services.worker.supervisor import leases
from tests.integration.worker import child_jobs
from tests.integration.worker.rig import SPEC, Rig, bundled, named
from tests.patience import PATIENCE_S

SOME_HEARTBEATS = 5
CSV = b'Id,Name\r\n1,one\r\n2,"two, ""quoted"""\r\n3,\r\n'


async def test_a_job_becomes_a_file_that_is_what_its_artifact_says(rig: Rig) -> None:
    async with rig.working():
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: entry.state == "COMPLETED")
        assert entry.built is not None
        artifact, stats = entry.built.artifact, entry.built.stats
        content = (rig.root / artifact.key).read_bytes()
    assert content == CSV
    assert artifact.key == f"{entry.export_id}/{entry.lease}/export.csv"
    assert (artifact.size_bytes, artifact.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (artifact.media_type, artifact.extension, artifact.entry_count) == ("text/csv", "csv", 0)
    assert (stats.rows_matched, stats.rows_written) == (3, 3)
    assert (stats.consistency, stats.matched_by) == (Consistency.SNAPSHOT, MatchedBy.COUNT)
    assert stats.as_of is not None
    assert entry.confirmed
    assert rig.files() == [artifact.key]


async def test_attachments_come_in_a_zip_and_one_that_is_missing_is_a_warning(rig: Rig) -> None:
    async with rig.working():
        entry = rig.queue.offer(bundled())
        await rig.queue.until(lambda: entry.state in ("COMPLETED", "FAILED"))
    assert entry.built is not None, entry.failures
    artifact = entry.built.artifact
    assert (artifact.extension, artifact.media_type, artifact.entry_count) == ("zip", "application/zip", 5)
    assert artifact.sha256 == hashlib.sha256((rig.root / artifact.key).read_bytes()).hexdigest()
    assert [(w.code, w.count) for w in entry.built.stats.warnings] == [("ATTACHMENT_MISSING", 1)]


async def test_many_jobs_run_side_by_side_and_each_once(rig: Rig) -> None:
    async with rig.working():
        entries = [rig.queue.offer(SPEC) for _ in range(20)]
        await rig.queue.until(lambda: all(e.state == "COMPLETED" for e in entries))
    assert [len(e.leases) for e in entries] == [1] * 20
    assert rig.metrics.registry.get_sample_value("exportd_rows_total") == 60


async def test_a_cancelled_job_is_killed_at_the_hint_without_waiting_for_a_heartbeat(rig: Rig) -> None:
    async with rig.working():
        entry = rig.queue.offer(named("spin"))
        await rig.queue.until(lambda: bool(entry.progress))
        await rig.queue.without_heartbeats()
        rig.queue.cancel(entry, hint=True)
        await eventually(lambda: rig.files() == [])
        after = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: after.state == "COMPLETED")
    assert entry.state == "CANCELLED"


async def test_fault_10_a_cancelled_job_is_killed_by_the_next_heartbeat_when_the_hint_is_lost(rig: Rig) -> None:
    async with rig.working():
        entry = rig.queue.offer(named("spin"))
        await rig.queue.until(lambda: bool(entry.progress))
        rig.queue.cancel(entry, hint=False)
        await eventually(lambda: rig.files() == [])


async def test_work_whose_lease_was_lost_is_dropped(rig: Rig) -> None:
    async with rig.working():
        entry = rig.queue.offer(named("spin"))
        await rig.queue.until(lambda: bool(entry.progress))
        rig.queue.steal(entry)
        await eventually(lambda: rig.files() == [])
    assert entry.failures == []


async def test_a_job_over_its_run_timeout_fails(rig: Rig) -> None:
    async with rig.working():
        entry = rig.queue.offer(named("tick"), run_timeout_s=0.5)
        await rig.queue.until(lambda: entry.state == "FAILED")
    assert [(f.code, f.retryable) for f in entry.failures] == [("RUN_TIMEOUT", True)]


async def test_fault_14_a_child_that_hangs_fails_and_one_with_progress_does_not(rig: Rig) -> None:
    rig.no_progress_s = 3.0  # far more than a child that moves is ever delayed
    async with rig.working():
        stuck, moving = rig.queue.offer(named("spin")), rig.queue.offer(named("tick"))
        await rig.queue.until(lambda: stuck.state == "FAILED")
        assert moving.state == "PROCESSING"
        rig.queue.cancel(moving, hint=True)
        await eventually(lambda: rig.files() == [])
    assert [f.code for f in stuck.failures] == ["NO_PROGRESS"]


async def test_a_job_that_kills_its_process_fails_and_the_next_ones_run(rig: Rig) -> None:
    async with rig.working():
        crashing = [rig.queue.offer(named(how)) for how in ("kill", "abort", "exit", "kill")]
        await rig.queue.until(lambda: all(e.state == "FAILED" for e in crashing))
        after = [rig.queue.offer(SPEC) for _ in range(4)]
        await rig.queue.until(lambda: all(e.state == "COMPLETED" for e in after))
    assert {(f.code, f.retryable) for e in crashing for f in e.failures} == {("WORKER_CRASHED", True)}
    assert "signal 9" in crashing[0].failures[0].message
    assert "exit code 137" in crashing[2].failures[0].message


async def test_nothing_of_an_unexpected_error_reaches_the_caller_but_a_reference(rig: Rig) -> None:
    async with rig.working():
        broken = [rig.queue.offer(named(how)) for how in ("raise", "sys-exit")]
        await rig.queue.until(lambda: all(e.state == "FAILED" for e in broken))
    for entry in broken:
        (failure,) = entry.failures
        assert failure.code == "INTERNAL"
        assert failure.message.startswith("internal error, reference ")
        assert "secret" not in failure.message


async def test_a_source_that_cannot_be_read_is_an_expected_failure(rig: Rig) -> None:
    rig.sources.clear()
    async with rig.working():
        entry = rig.queue.offer(SPEC, unchecked=True)
        await rig.queue.until(lambda: entry.state == "FAILED")
    assert [(f.code, f.retryable) for f in entry.failures] == [("SOURCE_UNKNOWN", True)]


async def test_a_bare_table_may_be_gzipped(rig: Rig) -> None:
    zipped = replace(SPEC, table=replace(SPEC.table, compression=Compression.GZIP))
    async with rig.working():
        entry = rig.queue.offer(zipped)
        await rig.queue.until(lambda: entry.state in ("COMPLETED", "FAILED"))
    assert entry.built is not None, entry.failures
    artifact = entry.built.artifact
    content = (rig.root / artifact.key).read_bytes()
    assert (artifact.extension, artifact.sha256) == ("csv.gz", hashlib.sha256(content).hexdigest())
    assert gzip.decompress(content).startswith(b"Id,Name\r\n")


async def test_a_file_whose_completion_is_fenced_is_removed(rig: Rig) -> None:
    rig.queue.refuse_complete = LeaseLost("export-1")
    async with rig.working():
        entry = rig.queue.offer(SPEC)
        await eventually(lambda: "complete" in rig.queue.calls)
        await eventually(lambda: rig.files() == [] and not (rig.root / entry.export_id).exists())
    assert entry.failures == []


async def test_rows_that_the_api_misses_fail_the_attempt(rig: Rig) -> None:
    rig.queue.refuse_complete = RowsMissing(3, 2)
    async with rig.working():
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: entry.state == "FAILED")
        assert rig.files() == []
    assert [f.code for f in entry.failures] == ["ROWS_MISSING"]


async def test_an_outcome_is_reported_again_until_the_api_answers(rig: Rig) -> None:
    async with rig.working(child_jobs.run_when_let_go):
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: entry.confirmed)
        rig.queue.down = True
        rig.let_go()
        await eventually(lambda: rig.queue.calls.count("complete") >= 2)
        rig.queue.down = False
        await rig.queue.until(lambda: entry.state == "COMPLETED")
    assert entry.built is not None


async def test_a_verdict_that_follows_from_the_completion_does_not_remove_the_file(rig: Rig) -> None:
    async with rig.working(child_jobs.run_when_let_go):
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: entry.confirmed)
        complete, answered = rig.queue.complete, asyncio.Event()

        async def late(lease, built):
            await complete(lease, built)
            beats = rig.queue.calls.count("heartbeat")
            await rig.queue.until(lambda: rig.queue.calls.count("heartbeat") > beats + 1)
            answered.set()

        rig.queue.complete = late
        rig.let_go()
        await asyncio.wait_for(answered.wait(), PATIENCE_S)
        assert entry.built is not None
        assert rig.files() == [entry.built.artifact.key]


async def test_fault_08_a_completion_whose_answer_was_lost_is_reported_again_after_the_verdict_that_follows_from_it(
    rig: Rig,
) -> None:
    rig.queue.mute = True
    async with rig.working():
        entry = rig.queue.offer(SPEC)
        await eventually(lambda: attempts(rig, "completed") == 1)
        assert entry.built is not None
        assert rig.files() == [entry.built.artifact.key]
    assert rig.queue.calls.count("complete") >= 2


async def test_fault_08_a_completion_that_never_arrived_is_reported_after_the_lease_was_lost_and_the_file_removed(
    rig: Rig,
) -> None:
    rig.queue.deaf = True
    async with rig.working():
        entry = rig.queue.offer(SPEC)
        await eventually(lambda: "complete" in rig.queue.calls)
        rig.queue.steal(entry)
        await eventually(lambda: attempts(rig, "lost") == 1)
        assert rig.files() == []


async def test_a_lease_that_comes_again_is_worked_on_once(rig: Rig) -> None:
    async with rig.working():
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: bool(entry.lease))
        job = rig.queue.job(entry)
        rig.queue.resend = [job]
        await rig.queue.until(lambda: entry.state == "COMPLETED")
        rig.queue.resend = [job]
        await rig.queue.until(lambda: not rig.queue.resend)
        last = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: last.state == "COMPLETED")
    assert rig.queue.calls.count("complete") == 2
    assert rig.files() == sorted([entry.built.artifact.key, last.built.artifact.key])


async def test_a_lease_whose_announcement_was_lost_is_adopted_from_the_heartbeat(rig: Rig) -> None:
    async with rig.working():
        entry = rig.queue.offer(SPEC)
        entry.state, entry.lease, entry.attempt = "PROCESSING", "a" * 32, 1
        rig.queue.resend = [rig.queue.job(entry)]
        await rig.queue.until(lambda: entry.state == "COMPLETED")


async def test_progress_travels_with_the_heartbeat(rig: Rig) -> None:
    async with rig.working():
        entry = rig.queue.offer(named("tick"))
        await rig.queue.until(lambda: bool(entry.progress) and entry.progress[-1].phase is Phase.WRITING)
        rig.queue.cancel(entry, hint=True)
    assert entry.progress[-1].rows_written == 8


async def test_a_wanted_progress_brings_a_heartbeat_at_once(rig: Rig) -> None:
    async with rig.working():
        entry = rig.queue.offer(named("tick"))
        await rig.queue.until(lambda: bool(entry.progress))
        await rig.queue.without_heartbeats()
        count = len(entry.progress)
        rig.queue.hint(Hint.PROGRESS_WANTED)
        await rig.queue.until(lambda: len(entry.progress) > count)
        rig.queue.cancel(entry, hint=True)


async def test_another_artifact_store_means_no_work_until_it_is_the_right_one(rig: Rig) -> None:
    (rig.root / MARKER).write_text("another store")
    async with rig.working():
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: entry.state == "FAILED")
        assert rig.engine is not None
        assert not rig.engine.ready()
        await rig.queue.until(lambda: [problem.code for problem in rig.queue.problems] == ["STORE_MISMATCH"])
        (rig.root / MARKER).write_text(rig.queue.store_id)
        await rig.queue.until(lambda: rig.queue.problems == [])
        assert rig.engine.ready()
        rig.queue.requeue(entry)
        await rig.queue.until(lambda: entry.state == "COMPLETED")
    assert [f.code for f in entry.failures] == ["STORE_MISMATCH"]


async def test_a_store_that_the_api_does_not_see_means_the_same(rig: Rig) -> None:
    rig.queue.refuse_complete = StoreMismatch("3 bytes", "nothing")
    async with rig.working():
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: entry.state == "FAILED")
        assert rig.files() == []
    assert [f.code for f in entry.failures] == ["STORE_MISMATCH"]


@pytest.mark.parametrize("folder", [".spool", ".scratch"])
async def test_an_attempt_that_has_no_place_for_its_files_fails_and_is_tried_again(rig: Rig, folder: str) -> None:
    (rig.root / folder).write_text("no folder")
    async with rig.working():
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: entry.state == "FAILED")
    assert [(f.code, f.retryable) for f in entry.failures] == [("STORE_UNAVAILABLE", True)]
    assert rig.files() == [folder]


async def test_a_worker_that_was_never_answered_asks_for_no_work(rig: Rig) -> None:
    rig.queue.silent = True
    entry = rig.queue.offer(SPEC)
    async with rig.working():
        await eventually(lambda: rig.queue.calls.count("heartbeat") > SOME_HEARTBEATS)
        assert rig.queue.polls == []
        rig.queue.silent = False
        await rig.queue.until(lambda: entry.state == "COMPLETED")


async def test_a_job_that_ends_soon_is_completed_without_a_heartbeat(rig: Rig, monkeypatch) -> None:
    monkeypatch.setattr(leases, "CONFIRM_AFTER_S", 3600)
    async with rig.working():
        await eventually(lambda: bool(rig.queue.polls))
        await rig.queue.without_heartbeats()
        beats = rig.queue.calls.count("heartbeat")
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: entry.state == "COMPLETED")
        assert rig.queue.calls.count("heartbeat") == beats


async def test_a_job_that_lasts_is_confirmed_by_a_heartbeat_of_its_own(rig: Rig) -> None:
    async with rig.working(child_jobs.run_when_let_go):
        await rig.queue.without_heartbeats()
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: entry.confirmed)
        assert entry.state == "PROCESSING"
        rig.let_go()
        await rig.queue.until(lambda: entry.state == "COMPLETED")


async def test_work_whose_lease_is_not_in_force_ends_at_the_heartbeat_that_would_confirm_it(rig: Rig) -> None:
    async with rig.working(child_jobs.run_when_let_go):
        await rig.queue.without_heartbeats()
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: entry.state == "PROCESSING")
        rig.queue.steal(entry)
        await eventually(lambda: attempts(rig, "lost") == 1)
    assert "complete" not in rig.queue.calls


async def test_a_worker_without_answers_takes_no_work_builds_on_and_reports_later(rig: Rig) -> None:
    async with rig.working(child_jobs.run_when_let_go):
        first = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: first.confirmed)
        rig.queue.down = True
        rig.let_go()
        await eventually(lambda: "complete" in rig.queue.calls)
        second = rig.queue.offer(SPEC)
        rig.queue.down = False
        await rig.queue.until(lambda: first.state == second.state == "COMPLETED")


async def test_a_worker_without_answers_for_too_long_drops_its_work(rig: Rig) -> None:
    rig.orphan_s = 0.5
    async with rig.working():
        entry = rig.queue.offer(named("tick"))
        await rig.queue.until(lambda: bool(entry.progress))
        rig.queue.down = True
        await eventually(lambda: rig.files() == [])
        rig.queue.down = False
    assert entry.state == "PROCESSING"


async def test_draining_lets_running_work_end(rig: Rig) -> None:
    rig.drain_grace_s = 60.0
    async with rig.working(child_jobs.run_when_let_go):
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: entry.confirmed)
        rig.stop.drain.set()
        await rig.queue.until(lambda: rig.queue.draining_seen)
        rig.let_go()
    assert entry.state == "COMPLETED"


async def test_draining_gives_back_what_does_not_end_in_time(rig: Rig) -> None:
    rig.drain_grace_s = 0.3
    async with rig.working():
        entry = rig.queue.offer(named("tick"))
        await rig.queue.until(lambda: bool(entry.progress))
    assert (entry.state, entry.attempt) == ("RELEASED", 0)
    assert rig.files() == []


async def test_a_second_signal_gives_everything_back_at_once(rig: Rig) -> None:
    rig.drain_grace_s = 3600.0
    async with asyncio.timeout(60), rig.working():  # far less than the grace
        entry = rig.queue.offer(named("tick"))
        await rig.queue.until(lambda: bool(entry.progress))
        rig.stop.now.set()
    assert entry.state == "RELEASED"


async def test_the_api_can_drain_a_worker(rig: Rig) -> None:
    async with rig.working():
        rig.queue.hint(Hint.DRAIN)
        await asyncio.wait_for(rig.stop.drain.wait(), PATIENCE_S)


async def test_what_does_not_fit_into_the_slots_is_given_back(rig: Rig) -> None:
    rig.slots = 1
    async with rig.working():
        running, extra = rig.queue.offer(named("tick")), None
        await rig.queue.until(lambda: bool(running.progress))
        extra = rig.queue.offer(SPEC)
        extra.state, extra.lease, extra.attempt = "PROCESSING", "b" * 32, 1
        rig.queue.resend = [rig.queue.job(extra)]
        await rig.queue.until(lambda: extra.state == "RELEASED")
        rig.queue.cancel(running, hint=True)


def attempts(rig: Rig, outcome: str) -> float:
    """How many have ended so."""
    return rig.metrics.registry.get_sample_value("exportd_attempts_total", {"outcome": outcome}) or 0


async def eventually(holds, within_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.01)  # between two looks
