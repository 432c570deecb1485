"""A worker is handed what it can do, and not again what its own environment failed while another could build it."""

from collections import Counter
from datetime import timedelta

import pytest

from services.api.domain.fairness import Fairness, Share
from services.api.domain.leases import Ability, LeasePolicy
from services.api.domain.retry import GiveBack, GiveUp, RetryAfter
from services.api.domain.states import CancelReason, State
from services.contract.capabilities import EVERYTHING, Capabilities, Requirement
from services.contract.job import LeaseRef
from tests.ports.driving import given_up
from tests.ports.samples import CRASH, DISK_FULL, SECOND, SPEC, START, new_export

SHOP, FLIGHTS = Requirement(frozenset({"rows/sql/shop"})), Requirement(frozenset({"rows/csv/flights"}))
BOTH = Requirement(SHOP.needs | FLIGHTS.needs)
LIMIT = LeasePolicy().given_back_limit
AVOIDANCE = LeasePolicy().avoidance


def able(*requirements: Requirement, others: tuple[Capabilities, ...] = ()) -> Ability:
    return Ability(Capabilities(frozenset().union(*(each.needs for each in requirements))), others)


async def create(store, requirement: Requirement, **fields):
    return await store.exports.create(new_export(requirement=requirement, **fields), SPEC, None)


async def claim(store, ability: Ability, limit: int = 100, worker: str = "worker-1", now=START) -> list[str]:
    return [c.export.id for c in await leases(store, ability, limit, worker, now)]


async def leases(store, ability: Ability, limit: int = 100, worker: str = "worker-1", now=START):
    claim.polls = getattr(claim, "polls", 0) + 1
    return await store.leases.claim(worker, f"poll-{claim.polls}", limit, now, ability)


async def give_back(store, ref: LeaseRef, now=START):
    fate = GiveBack(RetryAfter(timedelta()))
    return await store.leases.fail(ref, DISK_FULL, fate, now)


# ---- what a worker can do


@pytest.mark.parametrize(
    ("ability", "handed"),
    [
        (able(), {"none"}),
        (able(SHOP), {"none", "shop"}),
        (able(SHOP, FLIGHTS), {"none", "shop", "flights", "both"}),
        (Ability(EVERYTHING), {"none", "shop", "flights", "both"}),
    ],
)
async def test_a_worker_is_handed_what_it_can_do_and_nothing_else(store, ability, handed):
    wanted = {"none": Requirement(), "shop": SHOP, "flights": FLIGHTS, "both": BOTH}
    made = {(await create(store, requirement)).id: name for name, requirement in wanted.items()}
    assert {made[export_id] for export_id in await claim(store, ability)} == handed
    left = {made[export_id] for export_id in await claim(store, Ability(EVERYTHING), worker="worker-2")}
    assert left == set(wanted) - handed


async def test_a_failed_export_is_handed_to_none_but_who_can_do_it(store):
    await create(store, SHOP)
    (first,) = await leases(store, able(SHOP))
    await store.leases.fail(first.ref, CRASH, RetryAfter(SECOND), START)
    assert await claim(store, able(FLIGHTS), now=START + SECOND) == []
    assert await claim(store, able(SHOP), now=START + SECOND) == [first.export.id]


@pytest.mark.parametrize("fairness", [Fairness(), Fairness(Share(max_running=2))], ids=["free", "capped"])
@pytest.mark.parametrize("tenants", [{"a"}, {"b", "c"}, {"nobody"}, {"a", "b", "c"}])
async def test_a_worker_of_some_tenants_is_handed_nothing_of_others(store, tenants, fairness):
    made = {}
    for tenant in ("a", "b", "c") * 3:
        export = await create(store, SHOP if len(made) % 2 else FLIGHTS, tenant=tenant)
        made[export.id] = tenant
    own = Ability(Capabilities(tenants=frozenset(tenants)))
    handed = Counter(made[export_id] for export_id in await claim(store, own))
    most = fairness.default.max_running or 3
    assert handed == dict.fromkeys(tenants & {*made.values()}, most)
    left = Counter(made[export_id] for export_id in await claim(store, Ability(EVERYTHING), worker="worker-2"))
    assert handed + left == dict.fromkeys(("a", "b", "c"), most)


async def test_tenants_of_a_worker_take_turns_by_the_line_of_all(store):
    for tenant in ("a", "b") * 3:
        await create(store, SHOP, tenant=tenant)
    first = await leases(store, Ability(Capabilities(tenants=frozenset({"a"}))), 2)
    assert [one.export.tenant for one in first] == ["a", "a"]
    both = await leases(store, Ability(Capabilities(tenants=frozenset({"a", "b"}))), 4)
    assert [one.export.tenant for one in both] == ["b", "a", "b", "b"]


async def test_what_a_worker_cannot_do_holds_nothing_up_behind_it(store):
    for _ in range(3):
        await create(store, SHOP, priority=9)
    behind = await create(store, FLIGHTS)
    assert await claim(store, able(FLIGHTS)) == [behind.id]


async def test_priority_and_age_decide_among_all_that_a_worker_can_do(store):
    old, high, due = [
        await create(store, requirement, priority=priority)
        for requirement, priority in ((SHOP, 1), (FLIGHTS, 5), (BOTH, 3))
    ]
    (first,) = await leases(store, able(SHOP, FLIGHTS), limit=1)
    assert first.export.id == high.id
    await store.leases.fail(first.ref, CRASH, RetryAfter(SECOND), START)
    order = [await claim(store, able(SHOP, FLIGHTS), limit=1, now=START + SECOND) for _ in range(3)]
    assert order == [[high.id], [due.id], [old.id]]


@pytest.mark.parametrize("fairness", [Fairness(shares={"double": Share(weight=2.0), "capped": Share(max_running=1)})])
async def test_tenants_take_turns_exactly_among_what_a_worker_can_do(store):
    """Whatever else they wait for: a tenant whose first exports it cannot do loses no turn, and gains none."""
    tenants = ("single", "double", "capped", "elsewhere")
    for tenant in tenants:
        for _ in range(4):
            await create(store, FLIGHTS, tenant=tenant, priority=9)
        for requirement in (SHOP, BOTH) * 6:
            await create(store, requirement if tenant != "elsewhere" else FLIGHTS, tenant=tenant)
    handed = await leases(store, able(SHOP), limit=10)
    assert {c.export.requirement for c in handed} == {SHOP}
    taken = [c.export.tenant for c in handed]
    assert {tenant: taken.count(tenant) for tenant in tenants} == {
        "single": 3,
        "double": 6,
        "capped": 1,
        "elsewhere": 0,
    }


async def test_a_requirement_is_read_back_as_it_was_frozen(store):
    export = await create(store, BOTH)
    assert (await store.exports.get("acme", export.id)).requirement == BOTH


# ---- what was given back


async def test_an_attempt_that_is_given_back_is_not_spent_and_its_worker_and_reason_are_kept(store):
    await create(store, SHOP)
    (first,) = await leases(store, able(SHOP))
    export = await give_back(store, first.ref)
    assert (export.state, export.attempt, export.errors) == (State.QUEUED, 0, ())
    assert export.given_back_by == "worker-1"
    last = (await store.exports.transitions("acme", export.id))[-1]
    assert (last.event, last.worker_id) == ("GIVE_BACK", "worker-1")
    assert last.reason == f"DISK_FULL: {DISK_FULL.message}"
    assert await give_back(store, first.ref) is None  # the answer was lost


@pytest.mark.parametrize(
    ("others", "again"),
    [
        ((), True),
        ((Capabilities(FLIGHTS.needs),), True),
        ((Capabilities(FLIGHTS.needs), Capabilities(BOTH.needs)), False),
        ((EVERYTHING,), False),
    ],
)
async def test_its_worker_gets_it_again_only_where_no_other_could_build_it(store, others, again):
    await create(store, SHOP)
    (first,) = await leases(store, able(SHOP))
    await give_back(store, first.ref)
    ability = able(SHOP, others=others)
    assert bool(await claim(store, ability)) is again


async def test_another_worker_gets_it_at_once_and_what_is_behind_it_is_not_held_up(store):
    await create(store, SHOP)
    (first,) = await leases(store, able(SHOP))
    await give_back(store, first.ref)
    behind = await create(store, SHOP)
    ability = able(SHOP, others=(EVERYTHING,))
    assert await claim(store, ability) == [behind.id]
    (second,) = await leases(store, ability, worker="worker-2")
    assert (second.export.id, second.export.given_back_by) == (first.export.id, "")


async def test_of_several_tenants_its_worker_gets_what_is_behind_and_nothing_that_it_gave_back(store):
    """What comes after the first of each tenant is read for all of them at once."""
    for tenant in ("one", "two"):
        for _ in range(2):
            await create(store, SHOP, tenant=tenant)
    given_back = await leases(store, able(SHOP))
    for lease in given_back:
        await give_back(store, lease.ref)
    behind = {(await create(store, SHOP, tenant=tenant)).id for tenant in ("one", "two") for _ in range(3)}
    assert {*await claim(store, able(SHOP, others=(EVERYTHING,)))} == behind
    assert {*await claim(store, able(SHOP), worker="worker-2")} == {lease.export.id for lease in given_back}


async def test_when_nobody_took_it_for_a_while_its_worker_may(store):
    await create(store, SHOP)
    (first,) = await leases(store, able(SHOP))
    await give_back(store, first.ref)
    ability = able(SHOP, others=(EVERYTHING,))
    assert await claim(store, ability, now=START + AVOIDANCE - timedelta.resolution) == []
    assert await claim(store, ability, now=START + AVOIDANCE) == [first.export.id]


async def fail_elsewhere(store, times: int) -> list:
    failed = []
    for _ in range(times):
        (claimed,) = await leases(store, able(SHOP))
        export = claimed.export
        left = export.attempt < export.max_attempts
        counted = RetryAfter(timedelta()) if left else GiveUp(CancelReason.RETRIES_EXHAUSTED)
        failed.append(await store.leases.fail(claimed.ref, DISK_FULL, GiveBack(counted), START))
    return failed


async def test_from_the_tenth_time_on_it_counts_and_the_export_ends(store):
    await create(store, SHOP, max_attempts=2)
    failed = await fail_elsewhere(store, LIMIT + 1)
    assert [export.state for export in failed] == [State.QUEUED] * (LIMIT - 1) + [State.FAILED, State.CANCELLED]
    assert [export.attempt for export in failed] == [0] * (LIMIT - 1) + [1, 2]
    assert [error.code for error in failed[-1].errors] == ["DISK_FULL"] * 2
    assert failed[-1].cancel_reason is CancelReason.RETRIES_EXHAUSTED


async def test_a_new_run_begins_to_count_anew(store):
    await create(store, SHOP, max_attempts=1)
    ended = (await fail_elsewhere(store, LIMIT))[-1]
    await store.exports.retry("acme", ended.id, 1, None, START)
    again = await fail_elsewhere(store, LIMIT)
    assert [export.state for export in again] == [State.QUEUED] * (LIMIT - 1) + [State.CANCELLED]


async def test_what_was_given_back_can_be_cancelled(store):
    await create(store, SHOP)
    (first,) = await leases(store, able(SHOP))
    export = await give_back(store, first.ref)
    cancelled, lease_id = await store.exports.cancel("acme", export.id, START, only_if_queued=True)
    assert (cancelled.state, cancelled.given_back_by, lease_id) == (State.CANCELLED, "", "")


async def test_one_that_failed_for_good_and_is_retried_goes_to_any_worker(store):
    driven = await given_up(store)
    await store.exports.retry("acme", driven.export.id, 3, None, START)
    assert await claim(store, able(others=(EVERYTHING,))) == [driven.export.id]
