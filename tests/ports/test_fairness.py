"""Whose turn it is: tenants by virtual time, each one's own exports by priority and age."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from services.api.domain.fairness import Fairness, Share
from services.api.domain.retry import RetryAfter
from services.api.domain.states import State
from tests.budget import PROOF
from tests.ports.driving import POLICY, WORKER
from tests.ports.samples import CRASH, SECOND, SPEC, START, STATS, new_export, new_file

FLOOD = 10_000 if PROOF else 1_000


async def send(store, tenant: str, count: int = 1, priority: int = 0) -> list[str]:
    """Ids of new exports of a tenant."""
    made = (store.exports.create(new_export(tenant=tenant, priority=priority), SPEC, None) for _ in range(count))
    return [export.id for export in await asyncio.gather(*made)]


class Slots:
    """So many slots of one worker, each with a job; the first that began ends first."""

    def __init__(self, store, count: int) -> None:
        self._store = store
        self._count = count
        self._busy = []
        self._polls = 0

    async def fill(self) -> list[str]:
        """Tenants of the jobs that begin."""
        self._polls += 1
        free = self._count - len(self._busy)
        claimed = await self._store.leases.claim(WORKER, f"poll-{self._polls}", free, START)
        await self._store.leases.renew(WORKER, [one.ref for one in claimed], START)
        self._busy += claimed
        return [one.export.tenant for one in claimed]

    async def end_one(self) -> None:
        done = self._busy.pop(0)
        await self._store.leases.complete(done.ref, new_file(done.export.id), STATS, START)

    async def served(self, jobs: int) -> list[str]:
        """Tenants of the next jobs, one slot becoming free at a time."""
        tenants = await self.fill()
        while len(tenants) < jobs:
            await self.end_one()
            tenants += await self.fill()
        return tenants


@pytest.mark.proof
async def test_fault_21_a_tenant_that_floods_delays_another_by_one_job_a_slot_at_most(store):
    await send(store, "flood", FLOOD)
    slots = Slots(store, 4)
    assert await slots.served(8) == ["flood"] * 8
    await send(store, "one")
    await slots.end_one()
    assert await slots.fill() == ["one"]


async def test_fault_21_also_when_the_other_has_had_many_turns_before(store):
    await send(store, "one", 20)
    slots = Slots(store, 2)
    await slots.served(20)
    await send(store, "flood", 1000)
    await slots.served(10)
    await send(store, "one")
    assert "one" in [tenant for _ in range(2) for tenant in await end_and_fill(slots)]


async def end_and_fill(slots: Slots) -> list[str]:
    await slots.end_one()
    return await slots.fill()


async def test_tenants_alike_take_turns_within_one_claim_too(store):
    for tenant in ("a", "b", "c"):
        await send(store, tenant, 4)
    claimed = await store.leases.claim(WORKER, "poll", 9, START)
    assert Counter(one.export.tenant for one in claimed) == {"a": 3, "b": 3, "c": 3}
    assert len({one.export.tenant for one in claimed[:3]}) == 3


@pytest.mark.parametrize("fairness", [Fairness(shares={"big": Share(weight=3.0), "small": Share(weight=0.5)})])
async def test_a_tenants_weight_is_its_share(store, fairness):
    for tenant in ("big", "plain", "small"):
        await send(store, tenant, 100)
    served = Counter(await Slots(store, 3).served(90))
    assert served["big"] == pytest.approx(60, abs=2)
    assert served["plain"] == pytest.approx(20, abs=2)
    assert served["small"] == pytest.approx(10, abs=2)


async def test_a_tenant_that_was_away_has_saved_up_no_turns(store):
    await send(store, "idle")
    await send(store, "busy", 100)
    slots = Slots(store, 2)
    await slots.served(60)
    await send(store, "idle", 20)
    served = [tenant for _ in range(10) for tenant in await end_and_fill(slots)]
    assert Counter(served) == {"idle": 5, "busy": 5}


async def test_a_new_tenant_need_not_wait_for_what_others_had_before(store):
    await send(store, "old", 50)
    slots = Slots(store, 2)
    await slots.served(30)
    await send(store, "new", 50)
    served = [tenant for _ in range(10) for tenant in await end_and_fill(slots)]
    assert Counter(served)["new"] in (5, 6)


# ---- caps


@pytest.mark.parametrize("fairness", [Fairness(shares={"capped": Share(max_running=2)})])
async def test_a_capped_tenant_runs_no_more_and_leaves_the_rest_to_others(store, fairness):
    await send(store, "capped", 10)
    await send(store, "free", 10)
    claimed = await store.leases.claim(WORKER, "poll", 8, START)
    assert Counter(one.export.tenant for one in claimed) == {"capped": 2, "free": 6}
    assert await store.figures.running() == {"capped": 2, "free": 6}
    await store.leases.renew(WORKER, [one.ref for one in claimed], START)
    ended = next(one for one in claimed if one.export.tenant == "capped")
    await store.leases.complete(ended.ref, new_file(ended.export.id), STATS, START)
    again = await store.leases.claim(WORKER, "poll-2", 8, START)
    assert Counter(one.export.tenant for one in again) == {"capped": 1, "free": 4}


@pytest.mark.parametrize("fairness", [Fairness(default=Share(max_running=1))])
async def test_every_way_out_of_processing_frees_a_place_under_the_cap(store, fairness):
    ids = await send(store, "acme", 6)
    now = START

    async def next_one(poll):
        (claimed,) = await store.leases.claim(WORKER, poll, 5, now)
        await store.leases.renew(WORKER, [claimed.ref], now)
        assert await store.leases.claim("worker-2", poll, 5, now) == []
        return claimed

    await store.leases.release([(await next_one("p1")).ref], now)
    await store.leases.fail((await next_one("p2")).ref, CRASH, RetryAfter(timedelta(days=1)), now)
    await store.exports.cancel("acme", (await next_one("p3")).export.id, now, only_if_queued=False)
    late = await next_one("p4")
    now += POLICY.ttl
    await store.leases.expire(now)
    assert (await next_one("p5")).export.id == late.export.id == ids[2]


async def test_running_exports_are_counted_and_not_remembered(store):
    await send(store, "acme", 3)
    claimed = await store.leases.claim(WORKER, "poll", 3, START)
    assert await store.figures.running() == {"acme": 3}
    await store.leases.release([one.ref for one in claimed], START)
    assert await store.figures.running() == {}


# ---- one tenant's own


async def test_priority_orders_a_tenants_own_and_age_breaks_ties(store):
    low, high, middle = [(await send(store, "acme", 2, priority))[:] for priority in (0, 9, 5)]
    claimed = await store.leases.claim(WORKER, "poll", 6, START)
    assert [one.export.id for one in claimed] == high + middle + low


async def test_priority_gives_no_tenant_a_turn_of_another(store):
    await send(store, "loud", 10, priority=9)
    await send(store, "meek", 10)
    assert Counter(await Slots(store, 1).served(10)) == {"loud": 5, "meek": 5}


async def test_what_is_due_again_stands_in_line_by_its_priority(store):
    (first,) = await send(store, "acme", 1, priority=5)
    (claimed,) = await store.leases.claim(WORKER, "poll", 1, START)
    await store.leases.fail(claimed.ref, CRASH, RetryAfter(SECOND), START)
    (higher,) = await send(store, "acme", 1, priority=9)
    (lower,) = await send(store, "acme", 1, priority=1)
    order = [one.export.id for one in await store.leases.claim(WORKER, "poll-2", 3, START + SECOND)]
    assert order == [higher, first, lower]


async def test_a_backlog_that_is_not_due_costs_its_tenant_no_turn(store):
    await send(store, "failing", 5)
    for one in await store.leases.claim(WORKER, "poll", 5, START):
        await store.leases.fail(one.ref, CRASH, RetryAfter(timedelta(hours=1)), START)
    await send(store, "other", 3)
    claimed = await store.leases.claim(WORKER, "poll-2", 5, START)
    assert [one.export.tenant for one in claimed] == ["other"] * 3
    later = await store.leases.claim(WORKER, "poll-3", 5, START + timedelta(hours=1))
    assert [one.export.tenant for one in later] == ["failing"] * 5


# ---- for operators


async def test_the_queue_shows_each_tenant_that_waits(store):
    await send(store, "b", 2)
    await send(store, "a", 3)
    await store.leases.claim(WORKER, "poll", 2, START)
    shown = {queue.tenant: queue.counts for queue in await store.figures.queue()}
    assert list(shown) == ["a", "b"]
    assert shown["a"] == {State.QUEUED: 2, State.PROCESSING: 1, State.FAILED: 0}
    assert shown["b"] == {State.QUEUED: 1, State.PROCESSING: 1, State.FAILED: 0}
