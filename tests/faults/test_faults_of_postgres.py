"""A PostgreSQL that ends sessions, or has none to give."""

import asyncio
from datetime import timedelta

import pytest

from services.api.storage.postgres.connections import Address
from services.api.storage.postgres.database import PostgresDatabase
from services.api.storage.sql.stores import sql_store
from services.contract.errors import StoreUnavailable
from tests.ports.driving import completed
from tests.ports.lining_up import stranded
from tests.ports.rush import Rush
from tests.ports.samples import SPEC, START, new_export
from tests.ports.sql_snapshot import sql_snapshot
from tests.servers.databases import run, server
from tests.servers.stores import new_store

END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
ENDINGS = 40


@pytest.fixture
def url() -> str:
    return new_store()


@pytest.fixture
async def database(url):
    async with PostgresDatabase(Address(url)) as opened:
        yield opened


def name_of(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


class Retrying:
    """A port as its callers use it: what was not available is asked for again."""

    def __init__(self, port) -> None:
        self._port = port
        self.refused = 0

    def __getattr__(self, verb):
        async def asked(*words, **more):
            while True:
                try:
                    return await getattr(self._port, verb)(*words, **more)
                except StoreUnavailable:
                    self.refused += 1
                    await asyncio.sleep(0)

        return asked


async def test_fault_15_sessions_that_are_ended_all_the_time_lose_and_double_nothing(url, database):
    """What was in doubt is asked for again, and is the same: an end that was told is one that happened once."""
    store = sql_store(database)
    exports = [new_export() for _ in range(60)]
    creating = asyncio.gather(*(Retrying(store.exports).create(e, SPEC, None) for e in exports), return_exceptions=True)
    for _ in range(ENDINGS):
        await asyncio.to_thread(run, server(), END.format(name=name_of(url)))
    answers = await creating
    made = {export.id for export in answers if not isinstance(export, BaseException)}
    there = (await database.write(sql_snapshot)).exports
    assert made <= set(there) == {export.id for export in exports}


async def test_fault_15_work_goes_on_while_sessions_are_ended(url, database):
    store = sql_store(database)
    rush = Rush(store, 1)
    rushing = asyncio.gather(rush.run(20, 20), return_exceptions=True)  # whoever is cut off in the middle
    for _ in range(ENDINGS):
        await asyncio.to_thread(run, server(), END.format(name=name_of(url)))
    await rushing
    assert stranded((await Retrying(database).write(sql_snapshot)).strayed) == []
    late = START
    for poll in range(100):
        late += timedelta(hours=1)
        await store.leases.expire(late)
        for job in await store.leases.claim("patient", f"patient-{poll}", 256, late):
            await store.exports.cancel(job.export.tenant, job.export.id, late, only_if_queued=False)
        seen = await database.write(sql_snapshot)
        if all(stored.export.done for stored in seen.exports.values()):
            break
    else:
        pytest.fail("some exports never end")
    assert stranded(seen.strayed) == []


async def test_fault_15_a_database_that_takes_no_connection_is_told_and_used_again_at_once(url, database):
    store = sql_store(database)
    driven = await completed(store)
    name = name_of(url)
    run(server(), f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false", END.format(name=name))
    for asked in (
        lambda: store.exports.create(new_export(), SPEC, None),
        lambda: store.exports.get("acme", driven.export.id),
        lambda: store.leases.claim("w", "p", 1, START),
        lambda: store.exports.first_queued("acme"),
    ):
        with pytest.raises(StoreUnavailable):
            await asked()
    run(server(), f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
    assert await store.exports.get("acme", driven.export.id) == driven.export
    await store.exports.create(new_export(), SPEC, None)


async def test_fault_15_a_session_that_is_ended_while_nobody_asks_is_noticed_by_nobody(url, database):
    store = sql_store(database)
    driven = await completed(store)
    run(server(), END.format(name=name_of(url)))
    await store.exports.create(new_export(), SPEC, None)
    run(server(), END.format(name=name_of(url)))
    assert await store.exports.get("acme", driven.export.id) == driven.export
