"""Several processes on one PostgreSQL: what one does to the others. Each has sessions of its own there."""

import asyncio
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.api.domain import links
from services.api.domain.fairness import Fairness, Share
from services.api.domain.leases import LeasePolicy
from services.api.domain.quotas import Quota, Quotas
from services.api.ports.exports import RequestMark
from services.api.ports.store import Store
from services.api.secrets.server_keys import ServerKeys
from services.api.storage.postgres.clock import DatabaseClock, asking
from services.api.storage.postgres.connections import Address
from services.api.storage.postgres.database import PostgresDatabase
from services.api.storage.postgres.server_key import KeyOfAnother, check_key
from services.api.storage.sql.stores import sql_store
from services.contract.errors import StoreUnavailable
from tests.patience import PATIENCE_S
from tests.ports.driving import WORKER
from tests.ports.lining_up import stranded
from tests.ports.rush import Rush
from tests.ports.samples import SECOND, SPEC, START, new_export
from tests.ports.sql_snapshot import sql_snapshot
from tests.servers.stores import new_store
from tests.tiers import deep, deep_but

CLAIM = """
import asyncio, sys
from services.api.domain.fairness import Fairness, Share
from services.api.storage.postgres.clock import DatabaseClock, asking
from services.api.storage.postgres.connections import Address
from services.api.storage.postgres.database import PostgresDatabase
from services.api.storage.postgres.server_key import KeyOfAnother, check_key
from services.api.storage.sql.stores import sql_store
from tests.ports.samples import START

async def main(url, worker, polls):
    async with PostgresDatabase(Address(url)) as database:
        store = sql_store(database, fairness=Fairness(shares={"capped": Share(max_running=2), "double": Share(2.0)}))
        print("ready", flush=True)
        sys.stdin.readline()
        for poll in range(int(polls)):
            for job in await store.leases.claim(worker, f"{worker}-{poll}", 4, START):
                print(job.export.tenant, job.export.id, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""
PROCESSES, POLLS, JOBS = 3, 8, 4
CAP = 2
CHANGE = sa.text("UPDATE exports SET priority = priority WHERE id = :of_id")
PLAIN = [f"tenant-{number}" for number in range(5)]


@pytest.fixture
def url() -> str:
    return new_store()


class AnyOf:
    """A port of any of several stores, another one each time."""

    def __init__(self, ports) -> None:
        self._ports = ports

    def __getattr__(self, verb):
        return getattr(random.choice(self._ports), verb)


@pytest.fixture
async def stores(url):
    """As many processes have them, but for the process."""
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(PostgresDatabase(Address(url))) for _ in range(PROCESSES)]
        yield [sql_store(database, LeasePolicy(), Fairness(Share(max_running=3))) for database in opened]


@pytest.fixture
def any_store(stores) -> Store:
    return Store(
        exports=AnyOf([store.exports for store in stores]),
        leases=AnyOf([store.leases for store in stores]),
        figures=AnyOf([store.figures for store in stores]),
        outbox=AnyOf([store.outbox for store in stores]),
        retention=AnyOf([store.retention for store in stores]),
        keys=AnyOf([store.keys for store in stores]),
        usage=AnyOf([store.usage for store in stores]),
        links=AnyOf([store.links for store in stores]),
        audit=AnyOf([store.audit for store in stores]),
    )


async def snapshot(url):
    async with PostgresDatabase(Address(url)) as database:
        return await database.write(sql_snapshot)


@pytest.mark.parametrize("seed", deep_but(range(2), 0))
async def test_nothing_is_stranded_while_several_processes_create_claim_and_end(url, any_store, seed):
    random.seed(seed)
    rush = Rush(any_store, seed)
    await rush.run(20, 30)
    assert stranded((await snapshot(url)).strayed) == []
    await rush.drain()
    assert set(rush.ended) == rush.made
    assert set(rush.ended.values()) == {1}
    assert stranded((await snapshot(url)).strayed) == []


@deep
async def test_tenants_have_exact_shares_however_many_processes_claim(url):
    """One after the other, in whatever process: nobody gets a job more than its share, and no cap is passed."""
    async with PostgresDatabase(Address(url)) as database:
        store = sql_store(database)
        tenants = ["capped", "double", *PLAIN]
        await asyncio.gather(
            *(store.exports.create(new_export(tenant=name), SPEC, None) for name in tenants for _ in range(40))
        )
    command = [sys.executable, "-c", CLAIM, url]
    processes = [
        subprocess.Popen([*command, f"w{number}", str(POLLS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(PROCESSES)
    ]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * PROCESSES
    for process in processes:  # all at once, as far as that can be
        process.stdin.write("\n")
        process.stdin.flush()
    claimed = [line.split() for process in processes for line in process.communicate(timeout=PATIENCE_S)[0].split("\n")]
    jobs = [line for line in claimed if line]
    assert len({export_id for _, export_id in jobs}) == len(jobs) == PROCESSES * POLLS * JOBS
    served = Counter(tenant for tenant, _ in jobs)
    assert served.pop("capped") == CAP
    share = (len(jobs) - CAP) / (len(PLAIN) + 2)  # one of them has two
    assert abs(served.pop("double") - 2 * share) <= 2
    assert all(abs(count - share) <= 1 for count in served.values()), served


async def test_a_request_id_makes_one_export_whichever_process_it_comes_to(stores):
    """Fault 20 over several processes."""
    mark = RequestMark("once", b"digest")
    creates = [store.exports.create(new_export(), SPEC, mark) for store in stores for _ in range(10)]
    assert len({export.id for export in await asyncio.gather(*creates)}) == 1


async def test_processes_do_not_hold_the_same_announcements(stores):
    for _ in range(30):
        export = await stores[0].exports.create(new_export(callback_url="https://x.test/"), SPEC, None)
        await stores[0].exports.cancel("acme", export.id, START, only_if_queued=True)
    held = await asyncio.gather(*(store.outbox.hold(10, START + SECOND, START) for store in stores))
    ids = [one.delivery.id for some in held for one in some]
    assert len(set(ids)) == len(ids) == 30


async def test_one_artifact_store_is_that_of_the_database_whoever_says_so_first(stores):
    told = await asyncio.gather(
        *(store.retention.belongs_to(f"store-{number}", is_empty=True) for number, store in enumerate(stores))
    )
    assert len(set(told)) == 1


async def test_what_one_process_wrote_another_reads_at_once(stores):
    export = await stores[0].exports.create(new_export(), SPEC, None)
    assert await stores[1].exports.get("acme", export.id) == export
    (job,) = await stores[2].leases.claim(WORKER, "poll", 1, START)
    assert await stores[1].exports.versions([export.id, "nowhere"]) == {export.id: job.export.version}


async def test_two_that_wait_for_each_other_are_both_done(url):
    """PostgreSQL ends one of the transactions, which is then done again, with all that shared it."""
    here, there = threading.Event(), threading.Event()

    def change(first, second, reached, other):
        def work(db):
            db.execute(CHANGE, {"of_id": first})
            reached.set()
            other.wait(PATIENCE_S)
            return db.execute(CHANGE, {"of_id": second}).rowcount

        return work

    async with PostgresDatabase(Address(url)) as one, PostgresDatabase(Address(url)) as other:
        store = sql_store(one)
        a, b, beside = [(await store.exports.create(new_export(), SPEC, None)).id for _ in range(3)]
        answers = await asyncio.gather(
            one.write(change(a, b, here, there)),
            store.exports.cancel("acme", beside, START, only_if_queued=True),
            other.write(change(b, a, there, here)),
        )
        assert (answers[0], answers[2]) == (1, 1)
        assert (await store.exports.get("acme", beside)).done


async def test_a_process_with_another_key_is_refused(url):
    async with PostgresDatabase(Address(url)) as one, PostgresDatabase(Address(url)) as other:
        await check_key(one, ServerKeys.of(b"k" * 32))
        await check_key(other, ServerKeys.of(b"k" * 32))
        with pytest.raises(KeyOfAnother):
            await check_key(other, ServerKeys.of(b"o" * 32))


async def test_processes_go_by_the_clock_of_the_database_however_wrong_their_own_is(url):
    async with PostgresDatabase(Address(url)) as database:
        clocks = [DatabaseClock(asking(database), lambda add=add: time.monotonic() + add) for add in (0.0, 5000.0)]
        for clock in clocks:
            await clock.measure()
        here, there = (clock() for clock in clocks)
        asked = await asking(database)()
    assert abs(here - there) < SECOND
    assert abs(asked - there) < SECOND


async def test_a_clock_that_was_never_measured_says_so(url):
    async with PostgresDatabase(Address(url)) as database:
        with pytest.raises(StoreUnavailable):
            DatabaseClock(asking(database))()


@pytest.mark.parametrize(
    ("quotas", "quota"),
    [(Quotas(waiting=9), Quota.WAITING), (Quotas(creates_a_minute=9), Quota.CREATES)],
)
async def test_quotas_hold_for_all_processes_together(any_store, quotas, quota):
    created = (any_store.exports.create(new_export(), SPEC, None, None, quotas) for _ in range(60))
    made = await asyncio.gather(*created, return_exceptions=True)
    assert Counter(type(each).__name__ for each in made) == {"Export": 9, "QuotaExceeded": 51}
    assert (await any_store.usage.usage("acme", START))[quota] == 9


@pytest.mark.parametrize(("most", "of_export"), [(9, 100), (0, 9)], ids=["of a tenant", "of an export"])
async def test_limits_of_links_hold_for_all_processes_together(any_store, monkeypatch, most, of_export):
    monkeypatch.setattr(links, "MAX_LIVE_OF_EXPORT", of_export)
    exports = [await any_store.exports.create(new_export(), SPEC, None) for _ in range(3 if most else 1)]
    wanted = [new_link(exports[n % len(exports)], f"L{n:02}") for n in range(60)]
    made = await asyncio.gather(*(any_store.links.add(each, most) for each in wanted), return_exceptions=True)
    assert Counter(type(each).__name__ for each in made) == {"NoneType": 9, "QuotaExceeded": 51}
    assert (await any_store.usage.usage("acme", START))[Quota.LINKS] == 9


def new_link(export, id_) -> links.DownloadLink:
    ends = START + timedelta(days=1)
    return links.DownloadLink(id_, export.tenant, export.id, "file", b"digest", START, ends)
