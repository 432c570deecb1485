"""A claim costs the same however much waits: counted in steps of SQLite's machine and in statements, not in time."""

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from services.api.domain.fairness import Fairness, Share
from services.api.domain.leases import UNLIMITED, Ability, LeasePolicy
from services.api.domain.retry import RetryAfter
from services.api.domain.states import State
from services.api.storage.sql.stores import sql_store
from services.api.storage.sql.tables import exports
from services.contract.capabilities import Capabilities, Requirement
from tests.ports.driving import WORKER, lease
from tests.ports.lining_up import line_up
from tests.ports.samples import CRASH, SECOND, SPEC, START, STATS, new_export, new_file
from tests.tiers import deep

FEW, MANY, MORE = 1_000, 20_000, 10_000
FEW_TENANTS, MANY_TENANTS = 100, 2_000
EVERY = 10
"""Steps between two counts."""

SHOP, FLIGHTS = (Requirement(frozenset({name})) for name in ("rows/sql/shop", "rows/csv/flights"))


@pytest.fixture
def store(database):
    return sql_store(database, fairness=Fairness(shares={"capped": Share(max_running=1)}))


async def flood(database, export_id: str, count: int, tenant: str) -> None:
    """Copies of one export, in the state in which it is."""
    await _copy(database, export_id, count, id=sa.text(f"'{tenant}-{count}-' || n"), tenant=sa.text(f"'{tenant}'"))


async def flood_tenants(
    database, export_id: str, count: int, *, prefix: str = "t", due: datetime | None = START + SECOND * 3600
) -> None:
    """One export each of so many tenants, FAILED and due at some time, or QUEUED."""
    state = State.FAILED if due else State.QUEUED
    await _copy(
        database,
        export_id,
        count,
        id=sa.text(f"'{prefix}-{count}-' || n"),
        tenant=sa.text(f"'{prefix}-' || n"),
        state=sa.text(f"'{state.name}'"),
        lease_id=sa.null(),
        next_attempt_time=sa.literal(due, exports.c.next_attempt_time.type),
        attempt=sa.literal(1),
        lease_count=sa.literal(1),
    )


async def _copy(database, export_id: str, count: int, **changed: Any) -> None:
    columns = [changed.get(column.name, column) for column in exports.c]
    numbers = sa.text(
        f"(WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT {count}) SELECT n FROM r)"
    )
    copies = sa.select(*columns).select_from(exports, numbers).where(exports.c.id == export_id)

    def copy(db):
        db.execute(sa.insert(exports).from_select(exports.c.keys(), copies))
        line_up(db)

    await database.write(copy)


async def steps_of_a_claim(
    database, store, poll_id: str, ability: Ability = UNLIMITED, jobs: int = 1, *, now: datetime = START
) -> int:
    """Of one that leases so many jobs, after one that has filled the caches."""
    counted = []

    def watch(handler):
        return lambda db: db.connection.driver_connection.set_progress_handler(handler, EVERY)

    assert len(await store.leases.claim(WORKER, f"{poll_id}-first", jobs, now, ability)) == jobs
    await database.write(watch(lambda: counted.append(1)))
    assert len(await store.leases.claim(WORKER, f"{poll_id}-counted", jobs, now, ability)) == jobs
    await database.write(watch(None))
    return len(counted) * EVERY


async def test_a_claim_among_many_exports_takes_as_many_steps_as_among_a_twentieth_of_them(database, store):
    queued = await store.exports.create(new_export(), SPEC, None)
    await flood(database, queued.id, FEW, "flood")
    few = await steps_of_a_claim(database, store, "few")
    await flood(database, f"flood-{FEW}-999", MANY, "flood")  # one that still waits
    assert await steps_of_a_claim(database, store, "many") <= few * 1.2


@pytest.mark.parametrize("jobs", [1, 16])
async def test_a_claim_among_many_tenants_takes_as_many_steps_as_among_a_twentieth_of_them(database, store, jobs):
    queued = await store.exports.create(new_export(), SPEC, None)
    for prefix in ("x", "y"):
        await flood_tenants(database, queued.id, FEW_TENANTS, prefix=prefix, due=None)
    few = await steps_of_a_claim(database, store, "few", jobs=jobs)
    for prefix in ("x", "y"):
        await flood_tenants(database, queued.id, MANY_TENANTS, prefix=prefix, due=None)
    assert await steps_of_a_claim(database, store, "many", jobs=jobs) <= few * 1.2


async def test_what_a_capped_tenant_piles_up_costs_the_others_nothing(database, store):
    queued = await store.exports.create(new_export(), SPEC, None)
    await flood(database, queued.id, 10, "other")
    await flood(database, queued.id, FEW, "capped")
    few = await steps_of_a_claim(database, store, "few")
    await flood(database, f"capped-{FEW}-999", MORE, "capped")  # one that still waits
    assert await steps_of_a_claim(database, store, "many") <= few * 1.2


@deep
async def test_tenants_that_run_as_many_as_they_may_are_not_looked_at_one_by_one(database):
    """However many: they have left the line until an export of theirs ends."""
    store = sql_store(database, fairness=Fairness(Share(max_running=1), {"acme": Share()}))
    queued = await store.exports.create(new_export(), SPEC, None)
    await flood(database, queued.id, 10, "acme")
    few = await steps_of_a_claim(database, store, "few")
    await flood(database, "acme-10-9", MORE, "acme")  # one that still waits
    for count in (FEW, FEW + 1):  # so many tenants, two exports each
        await flood_tenants(database, queued.id, count, prefix="x", due=None)
    await store.leases.claim("another worker", "fill", 2 * FEW, START)
    running = await store.figures.running()
    assert all(running[f"x-{n}"] == 1 for n in range(1, FEW + 1))
    assert await steps_of_a_claim(database, store, "many") <= few * 1.2


async def test_what_is_not_due_costs_nothing(database, store):
    await store.exports.create(new_export(), SPEC, None)
    failing = await lease(store)
    await store.leases.fail(failing.ref, CRASH, RetryAfter(1000 * SECOND), START)
    queued = await store.exports.create(new_export(), SPEC, None)
    await flood(database, queued.id, 10, "other")
    await flood(database, failing.export.id, FEW, "acme")
    few = await steps_of_a_claim(database, store, "few")
    await flood(database, failing.export.id, MORE, "acme")
    assert await steps_of_a_claim(database, store, "many") <= few * 1.2


async def test_tenants_of_whom_nothing_is_due_are_not_looked_at_one_by_one(database, store):
    async def steps_beside(tenants: int) -> int:
        await flood_tenants(database, queued.id, tenants)
        return await steps_of_a_claim(database, store, f"beside-{tenants}")

    queued = await store.exports.create(new_export(tenant="capped"), SPEC, None)
    await store.leases.claim(WORKER, "fill", 1, START)  # the one that the cap allows
    for _ in range(20):
        await store.exports.create(new_export(), SPEC, None)
    few = await steps_beside(FEW_TENANTS)
    assert await steps_beside(MANY_TENANTS) <= few * 1.2


async def test_tenants_of_whom_late_words_left_nothing_are_met_once(database, store):
    """Their exports had expired, so they stood in the line, and were completed all the same."""
    for number in range(FEW_TENANTS):
        await store.exports.create(new_export(tenant=f"t-{number}"), SPEC, None)
    jobs = await store.leases.claim("another worker", "poll", FEW_TENANTS, START)
    await store.leases.renew("another worker", [job.ref for job in jobs], START)
    for _ in range(4):
        await store.exports.create(new_export(), SPEC, None)
    few = await steps_of_a_claim(database, store, "few")
    late = START + LeasePolicy().ttl
    assert len(await store.leases.expire(late)) > FEW_TENANTS
    for job in jobs:
        await store.leases.complete(job.ref, new_file(job.export.id), STATS, late)
    assert await steps_of_a_claim(database, store, "many", now=late) <= few * 2


async def test_what_a_worker_cannot_do_costs_its_claims_nothing_however_many_tenants_wait_for_it(database, store):
    """One step a requirement, not one a tenant or an export."""
    ability = Ability(Capabilities(SHOP.needs))
    for _ in range(4):
        await store.exports.create(new_export(requirement=SHOP), SPEC, None)
    few = await steps_of_a_claim(database, store, "few", ability)
    for priority in (0, 9):
        other = await store.exports.create(new_export(requirement=FLIGHTS, priority=priority), SPEC, None)
        await flood(database, other.id, FEW, f"flood-{priority}")
        await flood_tenants(database, other.id, FEW, prefix=f"queued-{priority}", due=None)
        await flood_tenants(database, other.id, FEW, prefix=f"failed-{priority}", due=START)
    assert await steps_of_a_claim(database, store, "many", ability) <= few * 1.5


@pytest.mark.parametrize("jobs", [1, 16])
async def test_tenants_whose_first_exports_a_worker_cannot_do_cost_it_no_more_steps(database, store, jobs):
    """Each of them has one that it can do behind one that it cannot."""
    first, behind = [
        await store.exports.create(new_export(requirement=requirement, priority=priority), SPEC, None)
        for requirement, priority in ((FLIGHTS, 9), (SHOP, 0))
    ]
    ability = Ability(Capabilities(SHOP.needs))
    await flood_tenants(database, behind.id, FEW_TENANTS, prefix="t", due=None)
    few = await steps_of_a_claim(database, store, "few", ability, jobs)
    await flood_tenants(database, behind.id, MANY_TENANTS, prefix="t", due=None)
    await flood_tenants(database, first.id, MANY_TENANTS + 1, prefix="t", due=None)
    assert await steps_of_a_claim(database, store, "many", ability, jobs) <= few * 1.3


async def test_a_claim_takes_as_many_statements_for_many_tenants_as_for_a_twentieth_of_them(database, store, executed):
    async def statements_of_a_claim(poll_id: str) -> int:
        before = len(executed)
        assert len(await store.leases.claim(WORKER, poll_id, 16, START)) == 16
        return len(executed) - before

    queued = await store.exports.create(new_export(), SPEC, None)
    await flood_tenants(database, queued.id, FEW_TENANTS, due=None)
    few = await statements_of_a_claim("few")
    await flood_tenants(database, queued.id, MANY_TENANTS, due=None)
    assert 1 < await statements_of_a_claim("many") <= few
