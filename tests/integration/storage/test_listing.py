"""One page of a list looks at so many exports and no more, whoever has how many; the next one goes on behind them."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.api.domain.export import Export
from services.api.domain.states import State
from services.api.ports.exports import ExportFilter, ExportStore
from services.api.storage.sql.listing import Listing
from services.api.storage.sql.readers import FairSlots
from services.api.storage.sql.statements import statements_of
from services.api.storage.sql.stores import SqlExportStore, sql_store
from services.api.storage.sql.verbs.exports import ExportVerbs
from services.api.storage.sqlite.database import SqliteDatabase
from tests.ports.samples import SECOND, SPEC, START, new_export
from tests.servers.new_database import new_database
from tests.tiers import deep

LOOKED_AT, LIMIT = 3, 2
WAITING = frozenset({State.QUEUED, State.CANCELLED})
FILTERS: list[dict[str, Any]] = [
    {},
    {"states": frozenset({State.QUEUED})},
    {"states": WAITING},
    {"states": frozenset(State)},
    {"type": "Payments"},
    {"type": "Payments", "states": WAITING},
    {"labels": {"n": "1"}},
    {"labels": {"n": "1", "nobody": "has it"}},
    {"labels": {"n": "1"}, "states": WAITING, "type": "Invoices"},
    {"created_after": START + SECOND},
    {"created_after": START + timedelta(days=1)},
    {"created_before": START + SECOND, "states": frozenset({State.QUEUED})},
]


@pytest.fixture
def store(database) -> ExportStore:
    return SqlExportStore(database, ExportVerbs(statements_of(database.dialect), LOOKED_AT))


async def made(store: ExportStore, count: int) -> None:
    """Of two types, with three labels, made in two seconds; each fourth is cancelled."""
    for n in range(count):
        told = {"type": ("Payments", "Invoices")[n % 2], "labels": {"n": str(n % 3)}}
        export = await store.create(new_export(**told, create_time=START + n % 2 * SECOND), SPEC, None)
        if n % 4 == 0:
            await store.cancel("acme", export.id, START, only_if_queued=True)


async def pages(store: ExportStore, filters: ExportFilter) -> list[list[str]]:
    found, before = [], ""
    while True:
        page = await store.page("acme", filters, before, LIMIT)
        found.append([export.id for export in page.exports])
        if not (before := page.next_before):
            return found


def is_wanted(export: Export, filters: ExportFilter) -> bool:
    return (
        (not filters.states or export.state in filters.states)
        and filters.type in ("", export.type)
        and filters.labels.items() <= export.labels.items()
        and (filters.created_after is None or export.create_time >= filters.created_after)
        and (filters.created_before is None or export.create_time < filters.created_before)
    )


def named(conditions: dict[str, Any]) -> str:
    """The same in every process, whatever the order in a set."""
    return ",".join(sorted(conditions)) or "none"


@pytest.mark.parametrize("conditions", FILTERS, ids=named)
async def test_the_pages_of_a_filter_have_each_export_once(store, conditions):
    await made(store, 14)
    filters = ExportFilter(**conditions)
    everything = (await store.page("acme", ExportFilter(), "", 100)).exports
    found = await pages(store, filters)
    assert [id_ for page in found for id_ in page] == [e.id for e in everything if is_wanted(e, filters)]
    assert all(len(page) <= LIMIT for page in found)


async def test_a_page_may_be_empty_and_followed_by_another(store):
    await made(store, 14)
    assert [len(page) for page in await pages(store, ExportFilter(labels={"nobody": "has it"}))] == [0] * 5


async def steps(database: SqliteDatabase, filters: ExportFilter) -> int:
    """Of SQLite's virtual machine, for one page that looks at 40 exports at most."""
    listing, count = Listing(database.dialect, 40), 0

    def step() -> None:
        nonlocal count
        count += 1

    def counted(db: Any) -> int:
        driver = db.connection.driver_connection
        driver.set_progress_handler(step, 1)
        listing.page(db, "acme", filters, "", LIMIT)
        driver.set_progress_handler(None, 0)
        return count

    return await database.write(counted)


async def test_many_labels_cost_no_more_than_a_few(database):
    store, labels = sql_store(database).exports, {f"a{n}": "1" for n in range(64)}
    for _ in range(40):
        await store.create(new_export(labels=labels), SPEC, None)
    one, all_ = {"a0": "1", "nobody": "has it"}, {**labels, "a63": "2"}
    assert await steps(database, ExportFilter(labels=all_)) <= 3 * await steps(database, ExportFilter(labels=one))


@pytest.fixture(scope="module")
async def few_and_many(tmp_path_factory):
    """A tenant with few exports, and one with five times as many."""
    async with (
        await new_database(tmp_path_factory.mktemp("few") / "exportd.sqlite3") as few,
        await new_database(tmp_path_factory.mktemp("many") / "exportd.sqlite3") as many,
    ):
        await made(sql_store(few).exports, 300)
        await made(sql_store(many).exports, 1500)
        yield few, many


@deep
@pytest.mark.parametrize("conditions", FILTERS[1:], ids=named)
async def test_a_page_costs_the_same_among_few_exports_and_among_many(few_and_many, conditions):
    few, many = few_and_many
    filters = ExportFilter(**conditions)
    assert await steps(many, filters) <= 1.2 * await steps(few, filters)


async def test_those_of_one_holder_take_their_turn_with_one_of_another():
    slots, order, first = FairSlots(1), [], asyncio.Event()

    async def read(holder: str) -> None:
        async with slots.held(holder):
            order.append(holder)
            await first.wait()

    async with asyncio.TaskGroup() as tasks:
        for holder in ("greedy", "greedy", "greedy", "greedy", "patient"):
            tasks.create_task(read(holder))
            await asyncio.sleep(0)
        first.set()
    assert order == ["greedy", "patient", "greedy", "greedy", "greedy"]
