"""A change, its entry in the history and its announcement: all of them, or nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa

from services.api.domain.callbacks import CallbackFormat
from services.api.domain.retry import GiveUp
from services.api.domain.states import CancelReason, Event
from services.api.storage.sql.stores import sql_store
from services.api.storage.sql.tables import deliveries, transitions
from services.api.storage.sqlite.database import SqliteDatabase
from tests.ports.driving import POLICY, lease
from tests.ports.samples import CRASH, OPTIONS, SPEC, START, STATS, new_export, new_file

BEFORE = {False: [], True: ["export.created", "export.updated"]}
"""What was announced of an export that runs, without and with events."""


@asynccontextmanager
async def full(database: SqliteDatabase, table: sa.Table) -> AsyncIterator[None]:
    """The table takes no more rows, whatever writes them."""
    refuse = f"CREATE TEMP TRIGGER full BEFORE INSERT ON {table.name} BEGIN SELECT RAISE(FAIL, 'no room'); END"
    await database.write(lambda db: db.execute(sa.text(refuse)) and None)
    try:
        yield
    finally:
        await database.write(lambda db: db.execute(sa.text("DROP TRIGGER temp.full")) and None)


@pytest.mark.parametrize("event", [Event.CANCEL, Event.COMPLETE, Event.GIVE_UP, Event.EXPIRE, Event.RELEASE])
async def test_a_change_whose_entry_cannot_be_written_does_not_happen(database, event):
    await unchanged_by(database, transitions, event)


@pytest.mark.parametrize("event", [Event.CANCEL, Event.COMPLETE, Event.GIVE_UP])
async def test_an_end_that_cannot_be_announced_does_not_happen(database, event):
    await unchanged_by(database, deliveries, event)


@pytest.mark.parametrize("event", [Event.CANCEL, Event.COMPLETE, Event.GIVE_UP, Event.EXPIRE, Event.RELEASE])
async def test_a_change_whose_event_cannot_be_written_does_not_happen(database, event):
    await unchanged_by(database, deliveries, event, callback_format=CallbackFormat.SYNTAGE)


async def test_an_export_whose_creation_cannot_be_announced_is_not_created(database):
    store, options = sql_store(database), replace(OPTIONS, callback_format=CallbackFormat.SYNTAGE)
    export = new_export(callback_url="https://x.test/", options=options)
    async with full(database, deliveries):
        with pytest.raises(Exception, match="no room"):
            await store.exports.create(export, SPEC, None)
    assert await store.exports.get("acme", export.id) is None


async def unchanged_by(database, table, event, **options):
    store = sql_store(database)
    told = {"callback_url": "https://x.test/", "options": replace(OPTIONS, **options)}
    export = await store.exports.create(new_export(**told), SPEC, None)
    claimed = await lease(store)
    await store.leases.renew("worker-1", [claimed.ref], START)
    async with full(database, table):
        with pytest.raises(Exception, match="no room"):
            await make(store, claimed, event)
    assert await store.exports.get("acme", export.id) == claimed.export
    assert [entry.event for entry in await store.exports.transitions("acme", export.id)] == ["CREATE", "LEASE"]
    assert [each.event for each in await store.outbox.deliveries("acme", export.id)] == BEFORE[bool(options)]
    await make(store, claimed, event)
    assert (await store.exports.transitions("acme", export.id))[-1].event == event.name


async def test_a_lease_whose_event_cannot_be_written_does_not_happen(database):
    store, options = sql_store(database), replace(OPTIONS, callback_format=CallbackFormat.SYNTAGE)
    export = await store.exports.create(new_export(callback_url="https://x.test/", options=options), SPEC, None)
    async with full(database, deliveries):
        with pytest.raises(Exception, match="no room"):
            await lease(store)
    assert await store.exports.get("acme", export.id) == export
    assert (await lease(store)).export.id == export.id


async def make(store, claimed, event: Event) -> None:
    match event:
        case Event.CANCEL:
            await store.exports.cancel("acme", claimed.export.id, START, only_if_queued=False)
        case Event.COMPLETE:
            await store.leases.complete(claimed.ref, new_file(claimed.export.id), STATS, START)
        case Event.GIVE_UP:
            await store.leases.fail(claimed.ref, CRASH, GiveUp(CancelReason.NOT_RETRYABLE), START)
        case Event.EXPIRE:
            await store.leases.expire(START + POLICY.ttl)
        case Event.RELEASE:
            await store.leases.release([claimed.ref], START)
