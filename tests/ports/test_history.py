"""What happened to an export: written with each change, in its transaction, and never changed."""

import pytest

from services.api.domain.history import Actor
from services.api.domain.retry import RetryAfter
from services.api.domain.states import State
from services.api.ports.exports import RequestMark
from services.contract.codes import FailureCode
from services.contract.errors import ExportdError
from services.contract.outcome import Failure
from tests.ports.driving import POLICY, WORKER, completed, expired, failed, given_up, lease, leased, queued
from tests.ports.samples import SECOND, SPEC, START, STATS, new_export, new_file


async def story(store, export_id: str) -> list[str]:
    return [entry.event for entry in await store.exports.transitions("acme", export_id)]


async def test_the_whole_life_of_an_export_is_told_in_order(store):
    driven = await failed(store)
    export_id, due = driven.export.id, driven.export.next_attempt_time
    again = await lease(store, due, "poll-2", "worker-2")
    await store.leases.renew("worker-2", [again.ref], due)
    await store.leases.expire(due + POLICY.ttl)
    await store.leases.renew("worker-2", [again.ref], due + POLICY.ttl)
    await store.leases.complete(again.ref, new_file(export_id), STATS, due + POLICY.ttl + SECOND)

    told = await store.exports.transitions("acme", export_id)
    assert [(t.event, t.actor, t.worker_id) for t in told] == [
        ("CREATE", Actor.CALLER, ""),
        ("LEASE", Actor.WORKER, WORKER),
        ("FAIL", Actor.WORKER, WORKER),
        ("LEASE", Actor.WORKER, "worker-2"),
        ("EXPIRE", Actor.CLOCK, ""),
        ("RENEW", Actor.WORKER, "worker-2"),
        ("COMPLETE", Actor.WORKER, "worker-2"),
    ]
    assert [t.version for t in told] == list(range(1, 8))
    assert [(t.attempt, t.run) for t in told] == [(0, 1), (1, 1), (1, 1), (2, 1), (2, 1), (2, 1), (2, 1)]
    assert (told[0].before, told[0].time) == (None, START)
    assert [t.before for t in told[1:]] == [t.after for t in told[:-1]]
    assert (told[-1].after, told[-1].time) == (State.COMPLETED, due + POLICY.ttl + SECOND)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
async def test_a_history_is_told_page_by_page_with_the_same_entries(store, limit):
    driven = await failed(store)
    await store.exports.cancel("acme", driven.export.id, START, only_if_queued=False)
    whole = await store.exports.transitions("acme", driven.export.id)
    told, after = [], 0
    while page := await store.exports.transitions("acme", driven.export.id, after=after, limit=limit):
        assert len(page) <= limit
        told += page
        after = page[-1].version
    assert told == whole
    assert len(whole) == 4


async def test_reasons_say_why_and_are_short_enough_to_show(store):
    driven = await leased(store)
    long = Failure(FailureCode.SOURCE_UNAVAILABLE, "y" * 2000)
    await store.leases.fail(driven.lease, long, RetryAfter(SECOND), START)
    *_, last = await store.exports.transitions("acme", driven.export.id)
    assert last.reason.startswith("SOURCE_UNAVAILABLE: yyy")
    assert len(last.reason) == 300


async def test_an_operators_retry_goes_on_with_the_history(store):
    driven = await given_up(store)
    await store.exports.retry("acme", driven.export.id, 2, None, START + SECOND)
    assert await story(store, driven.export.id) == ["CREATE", "LEASE", "GIVE_UP", "RETRY"]
    last = (await store.exports.transitions("acme", driven.export.id))[-1]
    assert (last.actor, last.run, last.before, last.after) == (Actor.OPERATOR, 2, State.CANCELLED, State.QUEUED)


async def test_what_changes_nothing_is_not_told(store):
    driven = await completed(store)
    await store.leases.complete(driven.lease, new_file(driven.export.id), STATS, START)
    await store.leases.renew(WORKER, [driven.lease], START)
    await store.leases.release([driven.lease], START)
    await store.leases.expire(START + POLICY.run_timeout)
    with pytest.raises(ExportdError):
        await store.exports.cancel("acme", driven.export.id, START, only_if_queued=False)
    assert await story(store, driven.export.id) == ["CREATE", "LEASE", "COMPLETE"]


async def test_a_heartbeat_on_time_is_no_news(store):
    driven = await leased(store)
    await store.leases.renew(WORKER, [driven.lease], START + SECOND)
    assert await story(store, driven.export.id) == ["CREATE", "LEASE"]


async def test_a_repeated_create_begins_no_second_history(store):
    mark = RequestMark("order-66", b"digest")
    export = await store.exports.create(new_export(), SPEC, mark)
    await store.exports.create(new_export(), SPEC, mark)
    assert await story(store, export.id) == ["CREATE"]


async def test_another_tenants_history_and_a_deleted_ones_are_not_shown(store):
    driven = await completed(store)
    assert await store.exports.transitions("other", driven.export.id) == []
    await store.exports.delete("acme", driven.export.id, START)
    assert await store.exports.transitions("acme", driven.export.id) == []


async def test_histories_do_not_mix(store):
    first, second = await queued(store), await queued(store)
    await store.exports.cancel("acme", first.export.id, START, only_if_queued=True)
    assert await story(store, first.export.id) == ["CREATE", "CANCEL"]
    assert await story(store, second.export.id) == ["CREATE"]


async def test_a_late_answer_is_told_as_one(store):
    driven = await expired(store)
    await store.leases.renew(WORKER, [driven.lease], driven.now)
    *_, last = await store.exports.transitions("acme", driven.export.id)
    assert (last.event, last.before, last.after) == ("RENEW", State.FAILED, State.PROCESSING)
    assert last.reason
