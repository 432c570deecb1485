"""What workers may rely on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.api.domain.leases import Standing
from services.api.domain.retry import GiveUp, RetryAfter
from services.api.domain.states import CancelReason, State
from services.api.ports.exports import ExportFilter
from services.contract.codes import UnknownCode, WarningCode
from services.contract.errors import JobCancelled, LeaseLost, RowsMissing
from services.contract.job import LeaseRef, Verdict
from services.contract.outcome import Consistency, ExportWarning, Failure, MatchedBy, RunStats
from tests.ports.driving import POLICY, WORKER, cancelled, completed, expired, failed, lease, leased, queued
from tests.ports.samples import CRASH, SECOND, SPEC, START, STATS, new_export, new_file

AT_ONCE = RetryAfter(timedelta())


async def standing_of(store, ref: LeaseRef) -> Standing:
    (standing,) = await store.leases.standings([ref])
    return standing


# ---- claiming


async def test_a_claim_hands_out_the_oldest_first_each_under_a_lease_of_its_own(store):
    exports = [(await queued(store)).export for _ in range(3)]
    claimed = await store.leases.claim(WORKER, "poll", 2, START + SECOND)
    assert [c.export.id for c in claimed] == [e.id for e in exports[:2]]
    assert len({c.lease_id for c in claimed}) == 2
    assert all(len(c.lease_id) == 32 for c in claimed)
    assert all(c.spec == SPEC for c in claimed)
    assert {(c.export.attempt, c.export.start_time) for c in claimed} == {(1, START + SECOND)}


async def test_a_failed_export_is_leased_again_when_it_is_due_and_not_before(store):
    driven = await failed(store)
    due = driven.export.next_attempt_time
    assert due == START + timedelta(seconds=5)
    assert await store.leases.next_due(START) == due
    assert await store.leases.next_due(due) is None
    assert await store.leases.claim(WORKER, "early", 1, due - SECOND) == []
    assert (await lease(store, due, "late")).export.attempt == 2


async def test_an_older_failed_export_goes_before_a_newer_one(store):
    older = await failed(store)
    newer = await queued(store)
    claimed = await store.leases.claim(WORKER, "poll-2", 2, older.export.next_attempt_time)
    assert [c.export.id for c in claimed] == [older.export.id, newer.export.id]


async def test_a_poll_whose_answer_was_lost_gets_the_same_leases_again(store):
    await queued(store)
    first = await store.leases.claim(WORKER, "poll", 1, START)
    await queued(store)
    again = await store.leases.claim(WORKER, "poll", 2, START + SECOND)
    assert again == first


async def test_a_confirmed_lease_is_not_handed_out_again_to_its_poll(store):
    driven = await leased(store)
    newer = await queued(store)
    assert (await lease(store, poll_id="poll")).export.id == newer.export.id != driven.export.id


async def test_the_poll_id_of_another_worker_means_nothing(store):
    await leased(store, confirmed=False)
    assert await store.leases.claim("worker-2", "poll", 1, START) == []


async def test_unconfirmed_leases_of_a_worker_can_be_announced_again(store):
    driven = await leased(store, confirmed=False)
    assert await store.leases.unconfirmed(WORKER, START) == []
    (missing,) = await store.leases.unconfirmed(WORKER, START + SECOND)
    assert missing.ref == driven.lease
    assert missing.spec == SPEC
    assert await store.leases.unconfirmed("worker-2", START + SECOND) == []
    await store.leases.renew(WORKER, [driven.lease], START)
    assert await store.leases.unconfirmed(WORKER, START + SECOND) == []


# ---- fencing


async def test_another_lease_is_refused_by_every_verb_and_changes_nothing(store):
    driven = await leased(store)
    before = await store.exports.get("acme", driven.export.id)
    other = LeaseRef(driven.export.id, "f" * 32)
    with pytest.raises(LeaseLost):
        await store.leases.complete(other, new_file(other.export_id), STATS, START)
    with pytest.raises(LeaseLost):
        await store.leases.fail(other, CRASH, AT_ONCE, START)
    with pytest.raises(LeaseLost):
        await store.leases.fail(other, CRASH, GiveUp(CancelReason.NOT_RETRYABLE), START)
    assert await store.leases.renew(WORKER, [other], START) == []
    assert await store.leases.release([other], START) == []
    assert (await standing_of(store, other)).verdict is Verdict.LOST
    assert await store.exports.get("acme", driven.export.id) == before


async def test_a_lease_ends_when_the_export_is_leased_again_even_by_the_same_worker(store):
    driven = await expired(store)
    again = await lease(store, driven.now, "poll-2")
    assert again.lease_id != driven.lease.lease_id
    with pytest.raises(LeaseLost):
        await store.leases.complete(driven.lease, new_file(driven.export.id), STATS, driven.now)
    assert (await standing_of(store, driven.lease)).verdict is Verdict.LOST
    assert (await standing_of(store, again.ref)).verdict is Verdict.KEEP


async def test_an_export_that_does_not_exist_has_no_lease(store):
    nowhere = LeaseRef("nowhere", "f" * 32)
    with pytest.raises(LeaseLost):
        await store.leases.complete(nowhere, new_file("nowhere"), STATS, START)
    assert await store.leases.standings([nowhere]) == [Standing(nowhere, Verdict.LOST)]


async def test_a_cancelled_export_tells_its_worker_so_and_others_that_they_lost(store):
    driven = await cancelled(store)
    other = LeaseRef(driven.export.id, "f" * 32)
    assert (await standing_of(store, driven.lease)).verdict is Verdict.CANCELLED
    assert (await standing_of(store, other)).verdict is Verdict.LOST
    with pytest.raises(JobCancelled):
        await store.leases.complete(driven.lease, new_file(driven.export.id), STATS, START)
    with pytest.raises(JobCancelled):
        await store.leases.fail(driven.lease, CRASH, AT_ONCE, START)
    with pytest.raises(LeaseLost):
        await store.leases.fail(other, CRASH, AT_ONCE, START)


async def test_a_deleted_export_is_cancelled_to_its_worker(store):
    driven = await completed(store)
    await store.exports.delete("acme", driven.export.id, START)
    assert (await standing_of(store, driven.lease)).verdict is Verdict.CANCELLED


async def test_standings_come_in_the_order_asked(store):
    first, second = await leased(store), await leased(store)
    asked = [second.lease, LeaseRef("nowhere", "x"), first.lease]
    assert [s.lease for s in await store.leases.standings(asked)] == asked


# ---- renewing


async def test_a_renewal_confirms_and_extends_without_a_new_version(store):
    driven = await leased(store, confirmed=False)
    standing = await standing_of(store, driven.lease)
    assert (standing.confirmed, standing.expire_time) == (False, START + POLICY.confirm_window)
    assert await store.leases.renew(WORKER, [driven.lease], START + SECOND) == []
    standing = await standing_of(store, driven.lease)
    assert (standing.confirmed, standing.expire_time) == (True, START + SECOND + POLICY.ttl)
    assert standing.export.version == driven.export.version


async def test_no_renewal_reaches_beyond_the_longest_run(store):
    driven = await leased(store)
    end = START + POLICY.run_timeout + POLICY.ttl
    await store.leases.renew(WORKER, [driven.lease], end - SECOND)
    assert (await standing_of(store, driven.lease)).expire_time == end
    (export,) = await store.leases.expire(end)
    assert export.state is State.FAILED
    assert await store.leases.renew(WORKER, [driven.lease], end) == []
    assert (await standing_of(store, driven.lease)).expired


async def test_a_late_heartbeat_brings_the_export_back(store):
    driven = await expired(store)
    assert (await standing_of(store, driven.lease)).expired
    (export,) = await store.leases.renew(WORKER, [driven.lease], driven.now)
    assert (export.state, export.attempt, export.next_attempt_time) == (State.PROCESSING, 1, None)
    assert export.version == driven.export.version + 1
    assert await store.leases.claim(WORKER, "poll-2", 1, driven.now) == []


async def test_no_heartbeat_brings_back_what_is_over(store):
    driven = await leased(store)
    await store.leases.complete(driven.lease, new_file(driven.export.id), STATS, START + SECOND)
    assert await store.leases.renew(WORKER, [driven.lease], START + 2 * SECOND) == []
    assert (await standing_of(store, driven.lease)).export.state is State.COMPLETED


# ---- completing


async def test_completing_publishes_the_file_with_its_figures(store):
    driven = await leased(store)
    file = new_file(driven.export.id)
    export = await store.leases.complete(driven.lease, file, STATS, START + SECOND)
    assert (
        export == await store.exports.get("acme", driven.export.id) == await store.exports.get_by_file("acme", file.id)
    )
    assert (export.state, export.file, export.stats) == (State.COMPLETED, file, STATS)
    assert (export.end_time, export.duration) == (START + SECOND, SECOND)
    assert export.done


async def test_a_repeated_complete_is_accepted_and_another_file_is_not(store):
    driven = await completed(store)
    same = new_file(driven.export.id)
    assert await store.leases.complete(driven.lease, same, STATS, START + SECOND) is None
    with pytest.raises(LeaseLost):
        await store.leases.complete(driven.lease, new_file(driven.export.id, sha256="cd" * 32), STATS, START)
    assert await store.exports.get("acme", driven.export.id) == driven.export


async def test_fault_04_a_worker_killed_once_it_completed_costs_nothing_and_one_unanswered_keeps_its_lease(store):
    driven = await completed(store)
    assert (await standing_of(store, driven.lease)).verdict is Verdict.KEEP
    assert await store.leases.renew(WORKER, [driven.lease], START) == []
    assert await store.leases.expire(START + timedelta(days=1)) == []


async def test_a_late_complete_loses_nothing(store):
    driven = await expired(store)
    export = await store.leases.complete(driven.lease, new_file(driven.export.id), STATS, driven.now)
    assert export.state is State.COMPLETED
    assert [e.code for e in export.errors] == ["LEASE_EXPIRED"]
    assert await store.leases.claim(WORKER, "poll-2", 1, driven.now) == []


async def test_a_file_with_a_row_missing_is_refused(store):
    driven = await leased(store)
    short = RunStats(12, MatchedBy.COUNT, 11, Consistency.SNAPSHOT)
    with pytest.raises(RowsMissing):
        await store.leases.complete(driven.lease, new_file(driven.export.id), short, START)
    assert (await store.exports.get("acme", driven.export.id)).state is State.PROCESSING


# ---- failing


async def test_a_failure_is_remembered_and_scheduled(store):
    driven = await leased(store)
    export = await store.leases.fail(driven.lease, CRASH, RetryAfter(timedelta(minutes=1)), START + SECOND)
    assert (export.state, export.next_attempt_time) == (State.FAILED, START + timedelta(seconds=61))
    (error,) = export.errors
    assert (error.attempt, error.code, error.message, error.time) == (1, CRASH.code, CRASH.message, START + SECOND)
    assert export.duration == SECOND


async def test_a_repeated_failure_is_accepted_also_after_the_next_lease(store):
    driven = await failed(store)
    assert await store.leases.fail(driven.lease, CRASH, AT_ONCE, START) is None
    again = await lease(store, driven.export.next_attempt_time, "poll-2")
    assert await store.leases.fail(driven.lease, CRASH, AT_ONCE, START) is None
    assert (await store.exports.get("acme", driven.export.id)) == again.export
    with pytest.raises(LeaseLost):
        await store.leases.complete(driven.lease, new_file(driven.export.id), STATS, START)


async def test_giving_up_ends_the_export_and_repeated_is_accepted(store):
    driven = await leased(store)
    fate = GiveUp(CancelReason.NOT_RETRYABLE)
    export = await store.leases.fail(driven.lease, CRASH, fate, START + SECOND)
    assert (export.state, export.cancel_reason) == (State.CANCELLED, CancelReason.NOT_RETRYABLE)
    assert (export.end_time, len(export.errors)) == (START + SECOND, 1)
    assert await store.leases.fail(driven.lease, CRASH, fate, START) is None
    assert (await standing_of(store, driven.lease)).verdict is Verdict.LOST


async def test_errors_are_cut_and_the_last_fifty_kept(store):
    await queued(store, max_attempts=60)
    now = START
    for n in range(52):
        claimed = await lease(store, now, f"poll-{n}")
        await store.leases.fail(claimed.ref, Failure(UnknownCode("C" * 99), f"{n} é\"' " + "x" * 2000), AT_ONCE, now)
    export = await store.exports.get("acme", claimed.export.id)
    assert [e.attempt for e in export.errors] == list(range(3, 53))
    assert {(len(e.code), len(e.message)) for e in export.errors} == {(64, 1000)}
    assert export.errors[-1].message.startswith("51 é\"' x")


async def test_a_failure_without_an_attempt_left_cannot_be_scheduled(store):
    driven = await leased(store, max_attempts=1)
    with pytest.raises(Exception, match="exports_attempt_left"):
        await store.leases.fail(driven.lease, CRASH, AT_ONCE, START)


# ---- giving back and running out


async def test_a_released_lease_gives_its_attempt_back(store):
    driven = await leased(store)
    (export,) = await store.leases.release([driven.lease, LeaseRef("nowhere", "x")], START + SECOND)
    assert (export.state, export.attempt, export.start_time, export.duration) == (State.QUEUED, 0, None, None)
    assert await store.leases.release([driven.lease], START) == []
    assert (await lease(store, poll_id="poll-2")).export.attempt == 1


async def test_a_lease_is_in_force_until_its_deadline(store):
    driven = await leased(store)
    assert await store.leases.expire(START + POLICY.ttl - SECOND) == []
    (export,) = await store.leases.expire(START + POLICY.ttl)
    assert (export.id, export.state, export.attempt) == (driven.export.id, State.FAILED, 1)
    assert export.next_attempt_time == START + POLICY.ttl
    assert [(e.attempt, e.code, e.message) for e in export.errors] == [
        (1, "LEASE_EXPIRED", "the worker stopped answering")
    ]
    assert await store.leases.expire(START + POLICY.ttl) == []


async def test_an_unconfirmed_lease_that_runs_out_gives_its_attempt_back(store):
    driven = await leased(store, confirmed=False)
    (export,) = await store.leases.expire(START + POLICY.confirm_window)
    assert (export.state, export.attempt, export.errors) == (State.QUEUED, 0, ())
    assert (await standing_of(store, driven.lease)).verdict is Verdict.LOST


async def test_the_tenth_unconfirmed_lease_costs_an_attempt(store):
    export = (await queued(store)).export
    now = START
    for n in range(POLICY.unconfirmed_limit):
        await lease(store, now, f"poll-{n}")
        now += POLICY.confirm_window
        (export,) = await store.leases.expire(now)
        assert export.state is (State.QUEUED if n < POLICY.unconfirmed_limit - 1 else State.FAILED)
    assert export.attempt == 1


async def test_the_last_attempt_that_runs_out_ends_the_export(store):
    driven = await leased(store, max_attempts=1)
    (export,) = await store.leases.expire(START + POLICY.ttl)
    assert (export.state, export.cancel_reason) == (State.CANCELLED, CancelReason.RETRIES_EXHAUSTED)
    assert (export.end_time, len(export.errors)) == (START + POLICY.ttl, 1)
    assert (await standing_of(store, driven.lease)).verdict is Verdict.LOST
    with pytest.raises(LeaseLost):
        await store.leases.complete(driven.lease, new_file(driven.export.id), STATS, START)


async def test_crashes_use_up_the_attempts(store):
    export = await store.exports.create(new_export(max_attempts=3), SPEC, None)
    now = START
    for n in range(3):
        claimed = await lease(store, now, f"poll-{n}")
        await store.leases.renew(WORKER, [claimed.ref], now)
        now += POLICY.ttl
        (export,) = await store.leases.expire(now)
    assert (export.state, export.cancel_reason) == (State.CANCELLED, CancelReason.RETRIES_EXHAUSTED)
    assert [e.attempt for e in export.errors] == [1, 2, 3]


NUL = "a\0b \\u0000"


async def test_text_with_the_character_nul_holds_up_nobody(store):
    """PostgreSQL does not take it: it is replaced there. SQLite ends a text there that goes through its JSON."""
    seen = {NUL, NUL.replace("\0", "\ufffd")}
    made = await store.exports.create(new_export(uri=NUL, labels={"k": NUL}), SPEC, None)
    export = await store.exports.get("acme", made.id)
    assert {export.uri, export.labels["k"]} <= seen
    await store.exports.page("acme", ExportFilter(labels={"k": NUL}), "", 10)  # SQLite does not find it
    job = await lease(store)
    failure = replace(CRASH, message=NUL)
    failed = await store.leases.fail(job.ref, failure, RetryAfter(timedelta()), START)
    assert failed.errors[-1].message in {*seen, "a"}
    again = await lease(store, poll_id="again")
    told = replace(STATS, warnings=(ExportWarning(WarningCode.NULL_AS_EMPTY_LINE, NUL, 1),))
    done = await store.leases.complete(again.ref, replace(new_file(made.id), filename=NUL), told, START)
    assert {done.file.filename, done.stats.warnings[0].message} <= {*seen, "a"}
