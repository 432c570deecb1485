"""What may be relied on when an end is announced."""

import asyncio
from datetime import timedelta

import pytest

from services.api.domain.notifications import Channel, DeliveryState
from services.api.domain.retry import GiveUp
from services.api.domain.states import CancelReason, State
from services.contract.errors import DeliveryNotFound
from tests.ports.driving import POLICY, WORKER, lease
from tests.ports.samples import CRASH, SECOND, SPEC, START, STATS, TRACE, new_export, new_file

URL, EMAIL = "https://hooks.test/exports", "ops@example.test"
HOLD = timedelta(seconds=30)


async def asked(store, **changed):
    """An export that wants to be announced on both channels."""
    return await store.exports.create(new_export(callback_url=URL, notify_email=EMAIL, **changed), SPEC, None)


async def ended(store, **changed):
    """It is cancelled while it waits."""
    export = await asked(store, **changed)
    export, _ = await store.exports.cancel("acme", export.id, START, only_if_queued=True)
    return export


async def given_up(store):
    export = await asked(store)
    claimed = await lease(store)
    await store.leases.fail(claimed.ref, CRASH, GiveUp(CancelReason.NOT_RETRYABLE), START + SECOND)
    return export


async def hold_all(outbox, now=START):
    return await outbox.hold(100, now + HOLD, now)


# ---- what is announced


async def test_an_end_is_announced_once_on_each_channel_that_was_asked_for(store, outbox):
    export = await ended(store)
    await store.exports.cancel("acme", export.id, START + SECOND, only_if_queued=False)
    told = await outbox.deliveries("acme", export.id)
    assert [(d.channel, d.target, d.run, d.state, d.attempt) for d in told] == [
        (Channel.CALLBACK, URL, 1, DeliveryState.PENDING, 0),
        (Channel.EMAIL, EMAIL, 1, DeliveryState.PENDING, 0),
    ]
    assert len({d.id for d in told}) == 2
    assert {d.next_attempt_time for d in told} == {START}
    assert {d.trace for d in told} == {export.trace} == {TRACE}


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_deliveries_are_listed_page_by_page_in_the_same_order(store, outbox, limit):
    export = await given_up(store)
    await store.exports.retry("acme", export.id, 1, None, START + SECOND)
    await store.exports.cancel("acme", export.id, START + SECOND, only_if_queued=False)
    whole = await outbox.deliveries("acme", export.id)
    told, after = [], None
    while page := await outbox.deliveries("acme", export.id, after=after, limit=limit):
        assert len(page) <= limit
        told += page
        after = page[-1].position
    assert told == whole
    assert [(d.run, d.channel) for d in whole] == [
        (1, Channel.CALLBACK), (1, Channel.EMAIL), (2, Channel.CALLBACK), (2, Channel.EMAIL)
    ]  # fmt: skip


async def test_each_channel_is_held_as_long_as_its_tries_may_take(store, outbox):
    await ended(store)
    until = {Channel.CALLBACK: START + SECOND, Channel.EMAIL: START + 3 * SECOND}
    assert len(await outbox.hold(100, until, START)) == 2
    lapsed = await outbox.hold(100, until, START + 2 * SECOND)
    assert [held.delivery.channel for held in lapsed] == [Channel.CALLBACK]


async def test_nothing_is_announced_that_nobody_asked_for_or_that_is_no_end(store, outbox):
    await store.exports.cancel(
        "acme", (await store.exports.create(new_export(), SPEC, None)).id, START, only_if_queued=True
    )
    await asked(store)
    claimed = await lease(store)
    await store.leases.renew(WORKER, [claimed.ref], START)
    await store.leases.expire(START + POLICY.ttl)
    assert await hold_all(outbox, START + timedelta(days=1)) == []
    assert await outbox.next_due() is None


async def test_a_completed_export_is_announced_in_the_eight_fields(store, outbox):
    export = await asked(store)
    claimed = await lease(store)
    await store.leases.complete(claimed.ref, new_file(export.id), STATS, START + SECOND)
    callback, _ = await outbox.deliveries("acme", export.id)
    assert callback.notice == {
        "idExportJob": export.id,
        "exportType": "Invoices",
        "success": True,
        "status": "COMPLETED",
        "errorMessages": [],
        "durationMs": 1000,
        "fileName": "invoices.zip",
        "fileSizeBytes": 4096,
    }


async def test_a_failed_run_is_announced_with_its_errors_and_no_file(store, outbox):
    export = await given_up(store)
    callback, _ = await outbox.deliveries("acme", export.id)
    assert (callback.notice["success"], callback.notice["status"]) == (False, "CANCELLED")
    assert callback.notice["errorMessages"] == [CRASH.message]
    assert (callback.notice["fileName"], callback.notice["fileSizeBytes"]) == (None, None)


async def test_each_run_is_announced_for_itself_with_its_own_errors(store, outbox):
    export = await given_up(store)
    await store.exports.retry("acme", export.id, 2, None, START + SECOND)
    assert len(await outbox.deliveries("acme", export.id)) == 2
    claimed = await lease(store, START + SECOND, "poll-2")
    await store.leases.complete(claimed.ref, new_file(export.id), STATS, START + 2 * SECOND)
    told = await outbox.deliveries("acme", export.id)
    assert [(d.run, d.notice["status"]) for d in told if d.channel is Channel.CALLBACK] == [
        (1, "CANCELLED"),
        (2, "COMPLETED"),
    ]
    assert told[-1].notice["errorMessages"] == []


# ---- holding


async def test_what_is_held_is_nobody_elses_until_the_hold_lapses(store, outbox):
    await ended(store)
    held = await hold_all(outbox)
    assert [h.delivery.attempt for h in held] == [1, 1]
    assert await hold_all(outbox, START + HOLD - SECOND) == []
    again = await hold_all(outbox, START + HOLD)
    assert [h.delivery.id for h in again] == [h.delivery.id for h in held]
    assert {h.delivery.attempt for h in again} == {2}
    assert {h.lease_id for h in again}.isdisjoint(h.lease_id for h in held)


async def test_parallel_holds_never_share(store, outbox):
    for _ in range(10):
        await ended(store)
    batches = await asyncio.gather(*(outbox.hold(3, START + HOLD, START) for _ in range(10)))
    ids = [held.delivery.id for batch in batches for held in batch]
    assert len(ids) == len(set(ids)) == 20


async def test_the_longest_due_goes_first(store, outbox):
    for seconds in (2, 0, 1):
        export = await store.exports.create(new_export(callback_url=URL), SPEC, None)
        await store.exports.cancel("acme", export.id, START + seconds * SECOND, only_if_queued=True)
    held = await outbox.hold(2, START + HOLD, START + 2 * SECOND)
    assert [h.delivery.create_time for h in held] == [START, START + SECOND]


async def test_who_was_replaced_has_no_say(store, outbox):
    export = await ended(store)
    old = await hold_all(outbox)
    new = await hold_all(outbox, START + HOLD)
    assert not await outbox.sent(old[0], "204", START + HOLD)
    assert not await outbox.give_up(old[0], "410", START + HOLD)
    assert not await outbox.try_again(old[0], "500", START, START + HOLD)
    assert await outbox.sent(new[0], "204", START + HOLD)
    shown = await store.exports.get("acme", export.id)
    assert (shown.callback_sent, shown.email_sent) == (
        new[0].delivery.channel is Channel.CALLBACK,
        new[0].delivery.channel is Channel.EMAIL,
    )


# ---- settling


async def test_only_what_was_accepted_counts_as_sent_and_it_changes_no_version(store, outbox):
    export = await ended(store)
    for held in await hold_all(outbox):
        if held.delivery.channel is Channel.EMAIL:
            assert await outbox.sent(held, "250 queued", START + SECOND)
        else:
            assert await outbox.give_up(held, "410", START + SECOND)
    shown = await store.exports.get("acme", export.id)
    assert (shown.email_sent, shown.callback_sent, shown.version) == (True, False, export.version)
    callback, email = await outbox.deliveries("acme", export.id)
    assert (callback.state, email.state) == (DeliveryState.GIVEN_UP, DeliveryState.SENT)
    assert [(t.outcome, t.time) for t in callback.tries] == [("410", START + SECOND)]
    assert {callback.next_attempt_time, email.next_attempt_time} == {None}
    assert await outbox.next_due() is None


async def test_a_try_that_did_not_work_is_due_again_when_it_was_said(store, outbox):
    await store.exports.cancel(
        "acme", (await store.exports.create(new_export(callback_url=URL), SPEC, None)).id, START, only_if_queued=True
    )
    (held,) = await hold_all(outbox)
    due = START + timedelta(minutes=5)
    assert await outbox.try_again(held, "500", due, START + SECOND)
    assert await outbox.next_due() == due
    assert await hold_all(outbox, due - SECOND) == []
    (again,) = await hold_all(outbox, due)
    assert (again.delivery.id, again.delivery.attempt) == (held.delivery.id, 2)
    assert again.delivery.notice == held.delivery.notice


async def test_the_last_twenty_tries_are_kept_each_with_a_short_outcome(store, outbox):
    export = await store.exports.create(new_export(callback_url=URL), SPEC, None)
    await store.exports.cancel("acme", export.id, START, only_if_queued=True)
    for n in range(22):
        (held,) = await hold_all(outbox)
        await outbox.try_again(held, f"{n} " + "x" * 500, START, START)
    (delivery,) = await outbox.deliveries("acme", export.id)
    assert [t.outcome.split()[0] for t in delivery.tries] == [str(n) for n in range(2, 22)]
    assert {len(t.outcome) for t in delivery.tries} == {200}
    assert delivery.attempt == 22


async def test_how_long_the_oldest_has_waited_is_known(store, outbox):
    assert await outbox.oldest(START) == timedelta()
    await ended(store)
    assert await outbox.next_due() == START
    assert await outbox.oldest(START + 7 * SECOND) == 7 * SECOND
    for held in await hold_all(outbox):
        await outbox.sent(held, "204", START)
    assert await outbox.oldest(START + 7 * SECOND) == timedelta()


async def test_what_was_deleted_is_announced_all_the_same(store, outbox):
    export = await ended(store)
    await store.exports.delete("acme", export.id, START)
    held = await hold_all(outbox)
    assert len(held) == 2
    assert all([await outbox.sent(one, "204", START) for one in held])
    assert {d.state for d in await outbox.deliveries("acme", export.id)} == {DeliveryState.SENT}


async def test_a_run_that_is_over_says_nothing_of_the_next(store, outbox):
    export = await given_up(store)
    held = await hold_all(outbox, START + SECOND)
    await store.exports.retry("acme", export.id, 2, None, START + SECOND)
    assert all([await outbox.sent(one, "204", START + SECOND) for one in held])
    shown = await store.exports.get("acme", export.id)
    assert (shown.state, shown.callback_sent, shown.email_sent) == (State.QUEUED, False, False)


# ---- by operators


async def test_a_delivery_can_be_made_due_again_whatever_became_of_it(store, outbox):
    export = await ended(store)
    first, second = await hold_all(outbox)
    await outbox.sent(first, "204", START)
    await outbox.give_up(second, "gave up", START)
    for held in (first, second):
        again = await outbox.redeliver("acme", held.delivery.id, START + SECOND)
        assert (again.state, again.attempt, again.next_attempt_time) == (DeliveryState.PENDING, 0, START + SECOND)
    assert {h.delivery.id for h in await hold_all(outbox, START + SECOND)} == {first.delivery.id, second.delivery.id}
    assert all(len(d.tries) == 1 for d in await outbox.deliveries("acme", export.id))


async def test_a_hold_ends_with_a_redelivery(store, outbox):
    await ended(store)
    held, _ = await hold_all(outbox)
    await outbox.redeliver("acme", held.delivery.id, START)
    assert not await outbox.sent(held, "204", START)


async def test_another_tenants_deliveries_are_not_there(store, outbox):
    export = await ended(store)
    assert await outbox.deliveries("other", export.id) == []
    for tenant, id_ in (("other", (await outbox.deliveries("acme", export.id))[0].id), ("acme", "nowhere")):
        with pytest.raises(DeliveryNotFound):
            await outbox.redeliver(tenant, id_, START)


async def test_an_old_end_is_not_told_after_the_new_one(store, outbox):
    export = await given_up(store)
    await store.exports.retry("acme", export.id, 3, None, START + SECOND * 2)
    await store.exports.cancel("acme", export.id, START + SECOND * 3, only_if_queued=True)
    held = await hold_all(outbox, START + SECOND * 4)
    assert {(each.delivery.run, each.delivery.notice["status"]) for each in held} == {(2, "CANCELLED")}
    told = await outbox.deliveries("acme", export.id)
    assert [each.state for each in told if each.run == 1] == [DeliveryState.GIVEN_UP] * 2
    assert {each.tries[-1].outcome for each in told if each.run == 1} == {"a later run has ended"}
