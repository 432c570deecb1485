"""What a claim walks over while somebody holds an old snapshot of the database: counted in index entries, not in time.

And what must not be missed below the floors.
"""

import asyncio
import threading
from collections import Counter
from dataclasses import replace
from statistics import median

import psycopg
import pytest
import sqlalchemy as sa

from services.api.storage.postgres.connections import Address
from services.api.storage.postgres.database import PostgresDatabase
from services.api.storage.sql import floors
from services.api.storage.sql.stores import sql_store
from services.api.storage.sql.tables import line
from services.contract.capabilities import Requirement
from tests.patience import PATIENCE_S
from tests.ports.samples import SPEC, START, new_export
from tests.servers.stores import new_store
from tests.tiers import deep

TENANTS, EACH, JOBS = 400, 3, 16
MAX_ENTRIES = 8 * JOBS
"""What the last claims left behind, and what this one reads."""
SHOP, FLIGHTS = (Requirement(frozenset({name})) for name in ("rows/sql/shop", "rows/csv/flights"))
ENTRIES = sa.text("SELECT coalesce(pg_stat_get_xact_tuples_returned(to_regclass('line_turn')), 0)")


class Walked:
    """A database that counts the entries of the line's index that claims walk over."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self.entries: list[int] = []

    def __getattr__(self, name):
        return getattr(self._database, name)

    async def write_in_turn(self, verb, item):
        def counted(db, items):
            before = db.execute(ENTRIES).scalar_one()
            answer = verb(db, items)
            self.entries.append(db.execute(ENTRIES).scalar_one() - before)
            return answer

        return await self._database.write_in_turn(counted, item)


@pytest.fixture
async def walked():
    async with PostgresDatabase(Address(new_store())) as database:
        yield Walked(database)


@pytest.fixture
def store(walked):
    return sql_store(walked)


@pytest.fixture
def held_snapshot(walked):
    """A session that holds a snapshot of the database as it is now, as a backup does."""
    with psycopg.connect(walked.address.url) as holder:
        holder.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        holder.execute("SELECT count(*) FROM line")
        yield holder


async def send(store, tenants: int, each: int, requirement: Requirement = SHOP) -> None:
    await asyncio.gather(
        *(
            store.exports.create(new_export(tenant=f"t{number:03}", requirement=requirement), SPEC, None)
            for number in range(tenants)
            for _ in range(each)
        )
    )


async def claim(store, poll: object, jobs: int = 1) -> list[str]:
    return [one.export.tenant for one in await store.leases.claim(f"w-{poll}", "poll", jobs, START)]


async def many(store) -> list[str]:
    """Tenants of the jobs of nearly all that waits."""
    return [tenant for poll in range(TENANTS * EACH // JOBS - 4) for tenant in await claim(store, poll, JOBS)]


@deep
async def test_a_claim_walks_over_no_more_entries_however_many_were_left_behind_under_a_snapshot(
    walked, store, held_snapshot
):
    """However many tenants there are, and however many turns they have had.

    Most claims: one that comes while a transaction writes, of whatever database of the server, may walk over a round.
    """
    await send(store, TENANTS, EACH)
    await send(store, 1, 1, FLIGHTS)
    served = Counter(await many(store))
    assert max(served.values()) - min(served.values()) <= 1
    assert median(walked.entries) <= MAX_ENTRIES, walked.entries
    assert held_snapshot.execute("SELECT count(*) FROM line").fetchone() == (0,)


@deep
async def test_without_floors_a_claim_walks_over_all_that_was_left_behind(walked, store, held_snapshot, monkeypatch):
    """What the other test is about: else it would prove nothing."""
    monkeypatch.setattr(floors, "MAX_CLAIMS_FROM_FLOORS", 0)
    await send(store, TENANTS, EACH)
    await many(store)
    assert median(walked.entries) > 6 * MAX_ENTRIES, walked.entries
    assert held_snapshot.execute("SELECT count(*) FROM line").fetchone() == (0,)


async def test_a_claim_from_a_floor_uses_the_index(walked):
    """Its first condition includes the floor, so that what is below is not even read."""
    plan = await walked.write(_plan)
    conditions = [row for row in plan if "Index Cond" in row]
    assert any("requirement" in row and "ROW(vtime, tenant) >=" in row for row in conditions), plan
    assert any("requirement >" in row and "requirement <" in row for row in conditions), plan


def _plan(db: sa.Connection) -> list[str]:
    db.exec_driver_sql("SET LOCAL enable_seqscan = off")  # the table is empty
    dialect = PostgresDatabase.dialect
    text = str(floors._heads(dialect).compile(dialect=db.dialect))
    rows = db.exec_driver_sql(
        "EXPLAIN " + text, {"known": '[["", "a", 0, ""], ["a", "g", 7, "t"]]', "param_1": 1, "param_2": 1}
    )
    return [row[0] for row in rows]


async def test_a_create_that_commits_late_is_found_though_the_present_has_moved_on(walked, store):
    """Its transaction has read an older present than that of all claims meanwhile."""
    begun, go_on = threading.Event(), threading.Event()

    class Slow:
        """A database whose units stop before their transactions end."""

        dialect = walked.dialect

        async def write_listed(self, verb, item):
            return await other.write_listed(lambda db, items: self._held(db, verb, items), item)

        @staticmethod
        def _held(db, verb, items):
            answer = verb(db, items)
            begun.set()
            assert go_on.wait(PATIENCE_S)
            return answer

    await send(store, 3, 20)
    async with PostgresDatabase(walked.address) as other:
        await claim(store, "first")
        late = asyncio.create_task(sql_store(Slow()).exports.create(new_export(tenant="a late one"), SPEC, None))
        assert await asyncio.to_thread(begun.wait, PATIENCE_S)
        for poll in range(20):
            await claim(store, poll)
        go_on.set()
        await late
    assert "a late one" in [tenant for poll in range(4) for tenant in await claim(store, f"after-{poll}")]


async def test_a_requirement_that_is_new_is_found_at_once(store):
    for number, requirement in enumerate((SHOP, FLIGHTS, Requirement(), Requirement(frozenset({"rows/sql/other"})))):
        await send(store, 1, 3, requirement)
        polls = [await claim(store, f"{number}-{poll}") for poll in range(4)]
        assert polls == [["t000"]] * 3 + [[]]


async def test_what_was_written_below_the_floors_is_found_after_a_while(walked, store, monkeypatch):
    """By a program that knows nothing of floors, say."""
    monkeypatch.setattr(floors, "MAX_CLAIMS_FROM_FLOORS", 5)
    await send(store, 3, 20)
    for poll in range(20):
        await claim(store, poll)
    await store.exports.create(new_export(tenant="astray"), SPEC, None)
    await walked.write(lambda db: db.execute(sa.update(line).values(vtime=0).where(line.c.tenant == "astray")))
    assert "astray" in [tenant for poll in range(6) for tenant in await claim(store, f"after-{poll}")]


async def test_requirements_for_which_nobody_waits_any_more_are_forgotten(store, monkeypatch):
    monkeypatch.setattr(floors, "MAX_REQUIREMENTS", 3)
    for number in range(6):
        await send(store, 1, 1, Requirement(frozenset({f"rows/sql/shop-{number}"})))
        assert await claim(store, number) == ["t000"]
        assert await claim(store, f"none-{number}") == []
    assert len(store.leases._verbs.turns._floors._known) <= 3


class Seen:
    """What claims see, one after the other."""

    def __init__(self, *seen: dict[str, object]) -> None:
        self._seen = iter(seen)

    def first(self, *_: object) -> dict[str, object]:
        return {"server": "a", "is_unwritten": True, **next(self._seen)}


def entrances(monkeypatch, *seen: dict[str, object]) -> list[int]:
    """The virtual time of the entrance after each claim."""
    of = floors.Floors(PostgresDatabase.dialect)
    monkeypatch.setattr(of, "_queries", replace(of._queries, seen=Seen(*seen)))
    return [of.present(None) and of._entrance[0] for _ in seen]


def test_the_entrance_waits_for_all_transactions_that_may_have_read_an_older_present(monkeypatch):
    seen = [
        {"present": 100, "oldest": 5, "next": 9},
        {"present": 200, "oldest": 5, "next": 12},
        {"present": 300, "oldest": 8, "next": 15},
        {"present": 400, "oldest": 9, "next": 20},
        {"present": 500, "oldest": 20, "next": 20},
    ]
    assert entrances(monkeypatch, *seen) == [0, 0, 0, 101, 401]


@pytest.mark.parametrize("other", [{"present": 150}, {"server": "b"}, {"server": "b", "present": 900}])
def test_floors_of_another_database_are_forgotten(monkeypatch, other):
    seen = [{"present": 100, "oldest": 1, "next": 1}, {"present": 200, "oldest": 1, "next": 1}]
    assert entrances(monkeypatch, *seen, {**seen[1], **other}) == [0, 101, 0]


def test_what_a_transaction_reads_after_it_wrote_raises_nothing(monkeypatch):
    seen = [{"present": 100, "oldest": 1, "next": 1}, {"present": 200, "oldest": 1, "next": 1, "is_unwritten": False}]
    assert entrances(monkeypatch, *seen) == [0, 0]
