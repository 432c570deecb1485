"""The line of tenants: whoever has work that waits is found in it, whatever happens at the same time."""

from collections import Counter

import pytest

from services.api.domain.fairness import Fairness, Share
from services.api.domain.leases import Ability, LeasePolicy
from services.api.domain.retry import RetryAfter
from services.api.domain.states import State
from services.contract.capabilities import EVERYTHING, Capabilities
from tests.budget import PROOF
from tests.ports.driving import WORKER
from tests.ports.lining_up import stranded
from tests.ports.rigs import RIGS
from tests.ports.rush import FLIGHTS, SHOP, Rush
from tests.ports.samples import CRASH, SECOND, SPEC, START, STATS, new_export, new_file
from tests.tiers import deep, deep_but

RACES = [(kind, seed) for kind in sorted(RIGS) for seed in range(3 if PROOF or kind == "memory" else 1)]
"""A database takes ten times as long as memory."""


@pytest.mark.proof
@pytest.mark.parametrize(
    "fairness", [pytest.param(Fairness(), marks=deep), Fairness(Share(max_running=2))], ids=["free", "capped"]
)
@pytest.mark.parametrize(("store_rig", "seed"), deep_but(RACES, ("sqlite", 0)), indirect=["store_rig"])
async def test_nothing_is_stranded_while_creates_claims_and_removals_race(store_rig, store, seed):
    rush = Rush(store, seed)
    await rush.run()
    assert stranded((await store_rig.snapshot()).strayed) == []
    await rush.drain()
    assert set(rush.ended) == rush.made
    assert set(rush.ended.values()) == {1}
    assert stranded((await store_rig.snapshot()).strayed) == []


async def claim(store, limit: int, poll: str, can: Capabilities = EVERYTHING, now=START) -> list[str]:
    return [one.export.tenant for one in await store.leases.claim(WORKER, poll, limit, now, Ability(can))]


async def test_a_tenant_has_one_turn_whatever_it_waits_for(store):
    """A turn that it takes in one requirement moves it back in all of them."""
    for tenant in ("a", "b"):
        for requirement in (SHOP, FLIGHTS) * 3:
            await store.exports.create(new_export(tenant=tenant, requirement=requirement), SPEC, None)
    assert await claim(store, 1, "p1", Capabilities(SHOP.needs)) == ["a"]
    assert await claim(store, 2, "p2", Capabilities(FLIGHTS.needs)) == ["b", "a"]
    assert await claim(store, 3, "p3") == ["b", "a", "b"]


async def test_a_tenant_that_left_the_line_comes_back_where_its_turn_is(store):
    for tenant, count in (("often", 3), ("other", 4)):
        for _ in range(count):
            await store.exports.create(new_export(tenant=tenant), SPEC, None)
    assert Counter(await claim(store, 6, "p1")) == {"often": 3, "other": 3}
    await store.exports.create(new_export(tenant="often"), SPEC, None)
    await store.exports.create(new_export(tenant="newcomer"), SPEC, None)
    assert await claim(store, 3, "p2") == ["newcomer", "often", "other"]


async def test_what_is_due_again_is_found_then_and_not_before(store):
    for requirement in (SHOP, FLIGHTS):
        await store.exports.create(new_export(requirement=requirement), SPEC, None)
    for delay, job in enumerate(await store.leases.claim(WORKER, "p1", 2, START), 1):
        await store.leases.fail(job.ref, CRASH, RetryAfter(delay * SECOND), START)
    assert await claim(store, 2, "p2") == []
    assert await claim(store, 2, "p3", now=START + SECOND) == ["acme"]
    assert await claim(store, 2, "p4", now=START + 2 * SECOND) == ["acme"]


async def test_a_clock_that_goes_back_strands_nothing(store):
    await store.exports.create(new_export(), SPEC, None)
    (job,) = await store.leases.claim(WORKER, "p1", 1, START)
    await store.leases.fail(job.ref, CRASH, RetryAfter(10 * SECOND), START)
    assert await claim(store, 1, "p2", Capabilities(SHOP.needs), now=START + 20 * SECOND) == ["acme"]
    (job,) = await store.leases.unconfirmed(WORKER, START + 60 * SECOND)
    await store.leases.fail(job.ref, CRASH, RetryAfter(10 * SECOND), START + 20 * SECOND)
    assert await claim(store, 1, "p3") == []
    assert await claim(store, 1, "p4", now=START + 30 * SECOND) == ["acme"]


async def test_a_late_word_that_ends_what_waited_again_leaves_the_others_of_its_tenant_in_the_line(store):
    for _ in range(2):
        await store.exports.create(new_export(), SPEC, None)
    (job,) = await store.leases.claim(WORKER, "p1", 1, START)
    await store.leases.renew(WORKER, [job.ref], START)
    late = START + LeasePolicy().ttl
    (expired,) = await store.leases.expire(late)
    assert expired.state is State.FAILED
    await store.leases.complete(job.ref, new_file(job.export.id), STATS, late)
    assert await claim(store, 2, "p2", now=late) == ["acme"]
    assert await claim(store, 2, "p3", now=late) == []


# ---- caps


@pytest.mark.parametrize("raised", [Fairness(Share(max_running=2), edition=1), Fairness(edition=1)])
async def test_a_cap_that_is_raised_lets_the_tenant_go_on_at_once(store_rig, raised):
    shares = LiveShares(Fairness(Share(max_running=1)))
    store = store_rig.store(LeasePolicy(), shares)
    for _ in range(3):
        await store.exports.create(new_export(), SPEC, None)
    assert await claim(store, 3, "p1") == ["acme"]
    assert await claim(store, 3, "p2") == []
    shares.current = raised
    assert len(await claim(store, 1, "p3")) == 1


async def test_a_store_that_begins_with_other_caps_heeds_them(store_rig):
    before = store_rig.store(LeasePolicy(), Fairness(Share(max_running=1)))
    for _ in range(3):
        await before.exports.create(new_export(), SPEC, None)
    assert await claim(before, 3, "p1") == ["acme"]
    after = store_rig.store(LeasePolicy(), Fairness(Share(max_running=2)))
    assert await claim(after, 3, "p2") == ["acme"]


class LiveShares:
    """Shares that change while a store goes by them."""

    def __init__(self, current: Fairness) -> None:
        self.current = current

    def __getattr__(self, name):
        return getattr(self.current, name)
