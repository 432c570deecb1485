"""Tenants that come back to the line: they stand at the present, not where they once were."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from services.api.domain.fairness import Fairness, Share
from services.api.domain.leases import Ability, Claimed, LeasePolicy
from services.api.domain.retry import GiveUp, RetryAfter
from services.api.domain.states import CancelReason
from services.api.ports.store import Store
from services.contract.capabilities import EVERYTHING, Capabilities, Requirement
from tests.ports.driving import WORKER
from tests.ports.rush import FLIGHTS, SHOP
from tests.ports.samples import CRASH, SPEC, START, STATS, new_export, new_file

BUSY = ("busy-a", "busy-b", "busy-c")
JOBS = 5
SERVED = 30
HOUR = timedelta(hours=1)
SHARES = Fairness(shares={"away": Share(max_running=JOBS)})

ComesBack = Callable[[Store, list[Claimed]], Awaitable[object]]


@pytest.fixture
def fairness() -> Fairness:
    return SHARES


class Claims:
    """Polls of one worker, each with an id of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._polls = 0
        self.now = START

    async def __call__(self, limit: int, can: Capabilities = EVERYTHING) -> list[Claimed]:
        self._polls += 1
        return await self._store.leases.claim(WORKER, f"poll-{self._polls}", limit, self.now, Ability(can))

    async def tenants(self, polls: int, can: Capabilities = EVERYTHING) -> list[str]:
        """Tenants of the jobs of so many polls for one job each."""
        return [job.export.tenant for _ in range(polls) for job in await self(1, can)]


@pytest.fixture
def claims(store) -> Claims:
    return Claims(store)


async def send(store, tenant: str, count: int, requirement: Requirement = SHOP, priority: int = 0) -> None:
    for _ in range(count):
        made = new_export(tenant=tenant, requirement=requirement, priority=priority)
        await store.exports.create(made, SPEC, None)


async def again(store: Store, jobs: list[Claimed]) -> None:
    for job in jobs:
        await store.exports.retry("away", job.export.id, 1, None, START)


async def end(store: Store, jobs: list[Claimed]) -> None:
    for job in jobs:
        await store.leases.complete(job.ref, new_file(job.export.id), STATS, START)


async def nothing(*_: object) -> None: ...


async def by_create(store, _):
    await send(store, "away", JOBS)


async def by_release(store, jobs):
    await store.leases.release([job.ref for job in jobs], START)


async def fail_for_good(store, jobs):
    for job in jobs:
        await store.leases.fail(job.ref, CRASH, GiveUp(CancelReason.NOT_RETRYABLE), START)


async def fail_for_an_hour(store, jobs):
    for job in jobs:
        await store.leases.fail(job.ref, CRASH, RetryAfter(HOUR), START)


async def more_than_it_may(store, _):
    await send(store, "away", JOBS)


WAYS: dict[str, tuple[ComesBack, ComesBack]] = {
    "create": (nothing, by_create),
    "release": (nothing, by_release),
    "retry": (fail_for_good, again),
    "due": (fail_for_an_hour, nothing),
    "freed": (more_than_it_may, end),
}
"""What happens to the jobs of a tenant before the others are served, and what brings it back after that."""


@pytest.mark.parametrize("way", sorted(WAYS))
async def test_a_tenant_that_comes_back_is_served_in_the_next_round_and_not_more_often(store, claims, way):
    before, comes_back = WAYS[way]
    await send(store, "away", JOBS)
    jobs = await claims(JOBS)
    if way == "create":
        await end(store, jobs)
    await before(store, jobs)
    for tenant in BUSY:
        await send(store, tenant, SERVED)
    assert Counter(await claims.tenants(SERVED)) == dict.fromkeys(BUSY, SERVED // len(BUSY))
    await comes_back(store, jobs)
    claims.now = START + HOUR if way == "due" else START
    rounds = await claims.tenants(4 * len((*BUSY, "away")))
    assert "away" in rounds[: len(BUSY) + 1]
    assert all(abs(count - 4) <= 1 for count in Counter(rounds).values()), rounds


async def test_who_comes_back_stands_behind_those_who_have_waited_since_an_earlier_present(store, claims):
    await send(store, "waits", 1, FLIGHTS)
    await send(store, "busy", 30)
    await claims.tenants(20, Capabilities(SHOP.needs))
    await send(store, "a new one", 1, FLIGHTS)
    assert await claims.tenants(2) == ["waits", "a new one"]


async def test_a_tenant_that_nobody_serves_comes_to_another_requirement(store, claims):
    """It waits far behind the present in one, and is not stranded there in the other."""
    shop = Capabilities(SHOP.needs)
    await send(store, "torn", 1, FLIGHTS)
    await send(store, "busy", 60)
    await claims.tenants(30, shop)
    await send(store, "torn", 10)
    assert Counter(await claims.tenants(10, shop)) == {"busy": 5, "torn": 5}
    assert Counter(await claims.tenants(10)) == {"busy": 5, "torn": 5}


@pytest.mark.parametrize(("shop", "flights"), [(9, 0), (0, 9)])
async def test_a_tenants_own_priority_counts_wherever_its_rows_stand(store, claims, shop, flights):
    await send(store, "torn", 1, FLIGHTS, flights)
    await send(store, "busy", 60)
    await claims.tenants(30, Capabilities(SHOP.needs))
    await send(store, "torn", 1, SHOP, shop)
    jobs = [job for _ in range(4) for job in await claims(1)]
    own = [job.export.priority for job in jobs if job.export.tenant == "torn"]
    assert own == [9, 0]


@pytest.mark.parametrize("limit", [4, 7])
async def test_within_one_claim_a_tenant_whose_rows_stand_apart_has_one_turn_a_round(store, claims, limit):
    await send(store, "torn", 3, FLIGHTS)
    await send(store, "busy", 60)
    await claims.tenants(30, Capabilities(SHOP.needs))
    await send(store, "torn", 3)
    served = Counter(job.export.tenant for job in await claims(limit))
    assert abs(served["torn"] - served["busy"]) <= 1
    assert served.total() == limit


async def test_the_line_is_found_after_all_was_deleted(store_rig):
    """As after a database was restored under a running process: the present goes back."""
    store = store_rig.store(LeasePolicy(), Fairness())
    claims = Claims(store)
    await send(store, "busy", 20)
    await claims.tenants(20)
    await store_rig.empty()
    store = store if not hasattr(store_rig, "_data") else store_rig.store(LeasePolicy(), Fairness())
    await send(store, "new", 1)
    assert await Claims(store).tenants(1) == ["new"]
