"""The table of states, against the store: every event in every state."""

from contextlib import suppress

import pytest

from services.api.domain.retry import GiveBack, GiveUp, RetryAfter
from services.api.domain.states import TRANSITIONS, CancelReason, Event, State
from services.contract.errors import ExportdError
from tests.ports.driving import POLICY, WAYS, WORKER, Driven, given_up, leased
from tests.ports.samples import CRASH, SECOND, STATS, new_file

PRODUCT = [pytest.param(state, event, id=f"{state.name}-{event.name}") for state in State for event in Event]


FATES = {
    Event.FAIL: RetryAfter(SECOND),
    Event.GIVE_UP: GiveUp(CancelReason.NOT_RETRYABLE),
    Event.GIVE_BACK: GiveBack(RetryAfter(SECOND)),
}


async def attempt(store, driven: Driven, event: Event) -> None:
    export, lease, now = driven.export, driven.lease, driven.now
    match event:
        case Event.LEASE:
            await store.leases.claim("worker-2", "poll-2", 1, now)
        case Event.RENEW:
            await store.leases.renew(WORKER, [lease], now)
        case Event.COMPLETE:
            await store.leases.complete(lease, new_file(export.id, sha256="cd" * 32), STATS, now)
        case Event.FAIL | Event.GIVE_UP | Event.GIVE_BACK:
            await store.leases.fail(lease, CRASH, FATES[event], now)
        case Event.EXPIRE | Event.EXPIRE_LAST | Event.EXPIRE_UNCONFIRMED:
            await store.leases.expire(now + POLICY.ttl)
        case Event.RELEASE:
            await store.leases.release([lease], now)
        case Event.CANCEL:
            await store.exports.cancel("acme", export.id, now, only_if_queued=False)
        case Event.RETRY:
            await store.exports.retry("acme", export.id, 3, None, now)


async def drive(store, state: State, event: Event) -> Driven:
    """Into the state, so that the event may happen if it may happen there at all."""
    if state is State.PROCESSING and event is Event.EXPIRE_LAST:
        return await leased(store, max_attempts=1)
    if state is State.PROCESSING and event is Event.EXPIRE_UNCONFIRMED:
        return await leased(store, confirmed=False)
    if state is State.CANCELLED and event is Event.RETRY:
        return await given_up(store)
    return await WAYS[state](store)


@pytest.mark.parametrize(("state", "event"), PRODUCT)
async def test_an_event_leads_where_the_table_says_and_nowhere_else(store, state, event):
    driven = await drive(store, state, event)
    before = await store.exports.get("acme", driven.export.id)
    assert before.state is state

    with suppress(ExportdError):
        await attempt(store, driven, event)

    after = await store.exports.get("acme", driven.export.id)
    assert after.state is TRANSITIONS.get((state, event), state)
    if (state, event) not in TRANSITIONS or (state, event) == (State.PROCESSING, Event.RENEW):
        assert after == before
    else:
        assert after.version == before.version + 1
        assert after.update_time >= driven.now
        last = (await store.exports.transitions("acme", after.id))[-1]
        assert (last.event, last.before, last.after) == (event.name, state, after.state)
        assert (last.version, last.time) == (after.version, after.update_time)
