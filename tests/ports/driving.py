"""Bringing an export into a state, through the port alone."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.api.domain.export import Export
from services.api.domain.leases import Claimed, LeasePolicy
from services.api.domain.retry import GiveUp, RetryAfter
from services.api.domain.states import CancelReason, State
from services.api.ports.store import Store
from services.contract.job import LeaseRef
from tests.ports.samples import CRASH, SPEC, START, STATS, new_export, new_file

POLICY = LeasePolicy()
WORKER = "worker-1"
NOBODY = LeaseRef("", "")


@dataclass(frozen=True)
class Driven:
    """An export, the last lease on it, and the time it is."""

    export: Export
    lease: LeaseRef
    now: datetime


async def queued(store: Store, max_attempts: int = 3) -> Driven:
    export = await store.exports.create(new_export(max_attempts=max_attempts), SPEC, None)
    return Driven(export, LeaseRef(export.id, "none"), START)


async def lease(store: Store, now: datetime = START, poll_id: str = "poll", worker: str = WORKER) -> Claimed:
    (claimed,) = await store.leases.claim(worker, poll_id, 1, now)
    return claimed


async def leased(store: Store, max_attempts: int = 3, *, confirmed: bool = True) -> Driven:
    driven = await queued(store, max_attempts)
    claimed = await lease(store, driven.now)
    if confirmed:
        await store.leases.renew(WORKER, [claimed.ref], driven.now)
    return Driven(claimed.export, claimed.ref, driven.now)


async def expired(store: Store, max_attempts: int = 3) -> Driven:
    driven = await leased(store, max_attempts)
    now = driven.now + POLICY.ttl
    (export,) = await store.leases.expire(now)
    return Driven(export, driven.lease, now)


async def failed(store: Store) -> Driven:
    driven = await leased(store)
    export = await store.leases.fail(driven.lease, CRASH, RetryAfter(timedelta(seconds=5)), driven.now)
    assert export is not None
    return Driven(export, driven.lease, driven.now)


async def completed(store: Store) -> Driven:
    driven = await leased(store)
    export = await store.leases.complete(driven.lease, new_file(driven.export.id), STATS, driven.now)
    assert export is not None
    return Driven(export, driven.lease, driven.now)


async def cancelled(store: Store) -> Driven:
    driven = await leased(store)
    export, _ = await store.exports.cancel("acme", driven.export.id, driven.now, only_if_queued=False)
    return Driven(export, driven.lease, driven.now)


async def given_up(store: Store) -> Driven:
    driven = await leased(store)
    export = await store.leases.fail(driven.lease, CRASH, GiveUp(CancelReason.NOT_RETRYABLE), driven.now)
    assert export is not None
    return Driven(export, driven.lease, driven.now)


WAYS = {
    State.QUEUED: queued,
    State.PROCESSING: leased,
    State.COMPLETED: completed,
    State.FAILED: expired,
    State.CANCELLED: cancelled,
}
"""One way into each state; FAILED by expiry, since there the lease is still in force."""
