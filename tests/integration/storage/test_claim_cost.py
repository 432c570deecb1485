"""A claim costs the same however much waits: counted in steps of SQLite's machine, not in time."""

from datetime import datetime

import pytest
import sqlalchemy as sa

from services.api.domain.fairness import Fairness, Share
from services.api.domain.leases import UNLIMITED, Ability
from services.api.domain.retry import RetryAfter
from services.api.domain.states import State
from services.api.storage.sql.stores import sql_store
from services.api.storage.sql.tables import exports
from services.api.storage.sqlite.database import SqliteDatabase
from services.contract.capabilities import Capabilities, Requirement
from tests.ports.driving import WORKER, lease
from tests.ports.samples import CRASH, SECOND, SPEC, START, new_export

FEW, MANY, MORE = 1_000, 100_000, 20_000
EVERY = 10
"""Steps between two counts."""


@pytest.fixture
async def database(tmp_path):
    async with await SqliteDatabase.open(tmp_path / "exportd.sqlite3") as opened:
        yield opened


@pytest.fixture
def store(database):
    return sql_store(database, fairness=Fairness(shares={"capped": Share(max_running=1)}))


async def flood(database, export_id: str, count: int, tenant: str) -> None:
    """Copies of one export, in the state in which it is."""
    changed = {"id": sa.text(f"'{tenant}-{count}-' || n"), "tenant": sa.text(f"'{tenant}'")}
    columns = [changed.get(column.name, column) for column in exports.c]
    numbers = sa.text(
        f"(WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT {count}) SELECT n FROM r)"
    )
    copies = sa.select(*columns).select_from(exports, numbers).where(exports.c.id == export_id)
    await database.write(lambda db: db.execute(sa.insert(exports).from_select(exports.c.keys(), copies)))


async def steps_of_a_claim(database, store, poll_id: str, ability: Ability = UNLIMITED) -> int:
    """Of one that leases a job, after one that has filled the caches."""
    counted = []

    def watch(handler):
        return lambda db: db.connection.driver_connection.set_progress_handler(handler, EVERY)

    assert await store.leases.claim(WORKER, f"{poll_id}-first", 1, START, ability)
    await database.write(watch(lambda: counted.append(1)))
    assert await store.leases.claim(WORKER, f"{poll_id}-counted", 1, START, ability)
    await database.write(watch(None))
    return len(counted) * EVERY


async def test_a_claim_among_a_hundred_thousand_exports_takes_as_many_steps_as_among_a_thousand(database, store):
    queued = await store.exports.create(new_export(), SPEC, None)
    await flood(database, queued.id, FEW, "flood")
    few = await steps_of_a_claim(database, store, "few")
    await flood(database, f"flood-{FEW}-999", MANY, "flood")  # one that still waits
    assert await steps_of_a_claim(database, store, "many") <= few * 1.2


async def test_what_a_capped_tenant_piles_up_costs_the_others_nothing(database, store):
    queued = await store.exports.create(new_export(), SPEC, None)
    await flood(database, queued.id, 10, "other")
    await flood(database, queued.id, FEW, "capped")
    few = await steps_of_a_claim(database, store, "few")
    await flood(database, f"capped-{FEW}-999", MORE, "capped")  # one that still waits
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


async def test_tenants_of_whom_nothing_can_be_taken_are_not_looked_at_one_by_one(database, store):
    """Their number counts once, in a walk along an index: not once more for each of them."""

    async def steps_beside(tenants: int) -> int:
        await flood_tenants(database, queued.id, tenants)
        return await steps_of_a_claim(database, store, f"beside-{tenants}")

    queued = await store.exports.create(new_export(tenant="capped"), SPEC, None)
    await store.leases.claim(WORKER, "fill", 1, START)  # the one that the cap allows
    for _ in range(20):
        await store.exports.create(new_export(), SPEC, None)
    few, many = await steps_beside(100), await steps_beside(1_000)
    assert many < few * 20


async def flood_tenants(
    database, export_id: str, count: int, *, prefix: str = "t", due: datetime | None = START + SECOND * 3600
) -> None:
    """One export each of so many tenants, FAILED and due at some time, or QUEUED."""
    state = State.FAILED if due else State.QUEUED
    changed = {
        "id": sa.text(f"'{prefix}-{count}-' || n"), "tenant": sa.text(f"'{prefix}-{count}-' || n"),
        "state": sa.text(f"'{state.name}'"), "lease_id": sa.null(),
        "next_attempt_time": sa.literal(due, exports.c.next_attempt_time.type),
        "attempt": sa.literal(1), "lease_count": sa.literal(1),
    }  # fmt: skip
    columns = [changed.get(column.name, column) for column in exports.c]
    numbers = sa.text(
        f"(WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT {count}) SELECT n FROM r)"
    )
    copies = sa.select(*columns).select_from(exports, numbers).where(exports.c.id == export_id)
    await database.write(lambda db: db.execute(sa.insert(exports).from_select(exports.c.keys(), copies)))


async def test_what_a_worker_cannot_do_costs_its_claims_nothing_however_many_tenants_wait_for_it(database, store):
    """One step a requirement, not one a tenant or an export."""
    shop, flights = (Requirement(frozenset({name})) for name in ("rows/sql/shop", "rows/csv/flights"))
    ability = Ability(Capabilities(shop.needs))
    for _ in range(4):
        await store.exports.create(new_export(requirement=shop), SPEC, None)
    few = await steps_of_a_claim(database, store, "few", ability)
    for priority in (0, 9):
        other = await store.exports.create(new_export(requirement=flights, priority=priority), SPEC, None)
        await flood(database, other.id, FEW, f"flood-{priority}")
        await flood_tenants(database, other.id, FEW, prefix=f"queued-{priority}", due=None)
        await flood_tenants(database, other.id, FEW, prefix=f"failed-{priority}", due=START)
    assert await steps_of_a_claim(database, store, "many", ability) <= few * 1.5
