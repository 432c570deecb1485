"""The audit trail in the database: written with the change, never changed, and read a page at a time."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.api.domain.audit import Action, AuditEntry, Origin
from services.api.domain.export import Export
from services.api.domain.keys import CALLERS_SCOPES, Holder, Key
from services.api.domain.links import DownloadLink
from services.api.ports.audit import AuditFilter
from services.api.ports.store import Store
from services.api.storage.postgres.connections import Address
from services.api.storage.postgres.database import PostgresDatabase
from services.api.storage.sql.statements import statements_of
from services.api.storage.sql.stores import sql_store
from services.api.storage.sql.tables import audit
from services.api.storage.sql.verbs.audit import append, page
from services.api.storage.sql.verbs.exports import Creation, ExportVerbs
from tests.integration.storage.test_all_or_nothing import full
from tests.ports.driving import completed, given_up
from tests.ports.samples import SECOND, SPEC, START, new_export
from tests.servers.new_database import new_database
from tests.servers.stores import new_store

BY = Origin("key:0123456789", "request-1", "192.0.2.7")
KEY = Key("k1", Holder.CALLER, "acme", "", b"\0", CALLERS_SCOPES, False, frozenset(), START)
LATER = START + timedelta(hours=1)
REFUSED = "an entry of the audit trail"


def entry(number: int, **changed: Any) -> AuditEntry:
    return replace(AuditEntry(Action.DOWNLOAD_ENDED, START + number * SECOND, "acme", f"e{number}", BY), **changed)


async def trail(store: Store) -> tuple[AuditEntry, ...]:
    return (await store.audit.page(AuditFilter(), None, 100)).entries


@pytest.fixture(params=["postgres", "sqlite"])
async def either(request, tmp_path):
    """A database of each engine."""
    if request.param == "sqlite":
        opened = await new_database(tmp_path / "exportd.sqlite3")
    else:
        opened = PostgresDatabase(Address(new_store()))
    async with opened:
        yield opened


# ---- it only grows


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET principal = 'key:another'",
        "UPDATE audit SET bytes = 0 WHERE id > 0",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE resource = 'e1'",
    ],
    ids=["forged", "changed", "emptied", "one"],
)
async def test_the_database_refuses_to_change_an_entry_and_to_delete_one_before_its_time(either, statement):
    store = sql_store(either)
    await store.audit.add([entry(0), entry(1)])
    assert await store.retention.forget_audit(START + SECOND, 100) == 1
    kept = await trail(store)
    with pytest.raises(sa.exc.DBAPIError, match=REFUSED):
        await either.write(lambda db: db.exec_driver_sql(statement) and None)
    assert await trail(store) == kept
    assert [each.resource for each in kept] == ["e1"]


async def test_postgresql_refuses_to_empty_the_table():
    async with PostgresDatabase(Address(new_store())) as database:
        with pytest.raises(sa.exc.DBAPIError, match=REFUSED):
            await database.write(lambda db: db.exec_driver_sql("TRUNCATE audit") and None)


# ---- a change and its entry are one transaction


@dataclass(frozen=True)
class Things:
    """What is there to be changed."""

    store: Store
    done: Export
    failed: Export
    waiting: Export
    delivery: str
    link: DownloadLink

    @classmethod
    async def made(cls, store: Store) -> "Things":
        done, failed = (await completed(store)).export, (await given_up(store)).export
        told = await store.exports.create(new_export(callback_url="https://x.test/"), SPEC, None)
        await store.exports.cancel("acme", told.id, START, only_if_queued=True)
        (delivery,) = await store.outbox.deliveries("acme", told.id)
        await store.keys.add(KEY)
        link = DownloadLink("L1", "acme", done.id, done.file.id, b"digest", START, LATER)
        await store.links.add(link)
        waiting = await store.exports.create(new_export(), SPEC, None)
        return cls(store, done, failed, waiting, delivery.id, link)

    async def seen(self) -> tuple[Any, ...]:
        """All that a change of this test may change."""
        exports = [await self.store.exports.get("acme", each.id) for each in (self.done, self.failed, self.waiting)]
        notices = [await self.store.outbox.deliveries("acme", self.delivery)]
        return (
            exports,
            notices,
            await self.store.keys.page(None, "", 100),
            await self.store.links.find("L1"),
            await trail(self.store),
        )


CHANGES: dict[Action, Any] = {
    Action.EXPORT_CREATED: lambda it: it.store.exports.create(new_export(), SPEC, None, by=BY),
    Action.EXPORT_CANCELLED: lambda it: it.store.exports.cancel(
        "acme", it.waiting.id, LATER, only_if_queued=False, by=BY
    ),
    Action.EXPORT_DELETED: lambda it: it.store.exports.delete("acme", it.done.id, LATER, by=BY),
    Action.EXPORT_RETRIED: lambda it: it.store.exports.retry("acme", it.failed.id, 3, None, LATER, by=BY),
    Action.NOTIFICATION_RESENT: lambda it: it.store.outbox.redeliver("acme", it.delivery, LATER, by=BY),
    Action.LINK_CREATED: lambda it: it.store.links.add(replace(it.link, id="L2"), by=BY),
    Action.LINK_USED: lambda it: it.store.links.use("L1", "use", START, START, by=BY),
    Action.LINK_REVOKED: lambda it: it.store.links.revoke("L1", "acme", START, by=BY),
    Action.KEY_CREATED: lambda it: it.store.keys.add(replace(KEY, id="k2", lineage="k2"), by=BY),
    Action.KEY_ROTATED: lambda it: it.store.keys.replace("k1", replace(KEY, id="k3"), LATER, START, by=BY),
    Action.KEY_REVOKED: lambda it: it.store.keys.revoke("k1", None, LATER, by=BY),
}
"""Each change of the store that has an entry."""

BESIDE = {
    Action.ROWS_PREVIEWED,
    Action.DOWNLOAD_STARTED,
    Action.DOWNLOAD_ENDED,
    Action.DOWNLOAD_URL_ISSUED,
    Action.WORKER_DRAINED,
}
"""Actions that change nothing in the tables of every store."""


def test_every_action_that_changes_the_store_is_tried_here():
    assert CHANGES.keys() == {*Action} - BESIDE


@pytest.mark.parametrize("action", CHANGES, ids=lambda action: action.name)
async def test_a_change_that_cannot_be_entered_does_not_happen(database, action):
    things = await Things.made(sql_store(database))
    before = await things.seen()
    async with full(database, audit):
        with pytest.raises(Exception, match="no room"):
            await CHANGES[action](things)
    assert await things.seen() == before
    await CHANGES[action](things)
    entered = [each for each in await trail(things.store) if each.by == BY]
    assert action in {each.action for each in entered}


async def test_the_entries_of_a_list_of_creates_are_few_statements(database):
    verbs, statements = ExportVerbs(statements_of(database.dialect)), []

    def create(db: sa.Connection) -> None:
        db.connection.driver_connection.set_trace_callback(statements.append)
        verbs.create(db, [Creation(new_export(), SPEC, None, None, by=BY) for _ in range(50)])
        db.connection.driver_connection.set_trace_callback(None)

    await database.write(create)
    inserted = [statement for statement in statements if " INTO audit " in statement]
    assert len(inserted) == 3  # of 32, 16 and 2
    assert len(await trail(sql_store(database))) == 50


# ---- a page


FILTERS = {
    "all": AuditFilter(),
    "times": AuditFilter(since=START, before=LATER),
    "tenant": AuditFilter(tenant="acme"),
    "tenant and times": AuditFilter(tenant="acme", since=START, before=LATER),
    "resource": AuditFilter(resource="e7", tenant="acme"),
    "action": AuditFilter(tenant="acme", actions=frozenset({Action.KEY_REVOKED})),
    "principal": AuditFilter(principal="key:nobody"),
}


async def steps(database, filter_: AuditFilter) -> int:
    """Of SQLite's virtual machine, for a page that examines 40 entries at most, in the middle of the trail."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    def counted(db: sa.Connection) -> int:
        middle = page(db, AuditFilter(), None, 100).rest
        driver: Any = db.connection.driver_connection
        driver.set_progress_handler(step, 1)
        page(db, filter_, middle, 10, max_looked_at=40)
        driver.set_progress_handler(None, 0)
        return count

    return await database.write(counted)


@pytest.fixture(scope="module")
async def few_and_many(tmp_path_factory):
    async with (
        await new_database(tmp_path_factory.mktemp("few") / "exportd.sqlite3") as few,
        await new_database(tmp_path_factory.mktemp("many") / "exportd.sqlite3") as many,
    ):
        for database, count in ((few, 300), (many, 3000)):
            entries = [entry(number, tenant=("acme", "other")[number % 2]) for number in range(count)]
            await database.write(lambda db, some=entries: append(db, some))
        yield few, many


@pytest.mark.parametrize("name", sorted(FILTERS))
async def test_a_page_costs_the_same_among_few_entries_and_among_many(few_and_many, name):
    few, many = few_and_many
    assert await steps(many, FILTERS[name]) <= 1.2 * await steps(few, FILTERS[name])


async def test_a_page_that_examined_enough_goes_on_behind_what_it_examined(few_and_many):
    few, _ = few_and_many
    rare = AuditFilter(principal="key:rare")
    await few.write(lambda db: append(db, [entry(-1, by=Origin("key:rare"))]))

    def walk(db: sa.Connection) -> list[int]:
        sizes, after = [], None
        while True:
            found = page(db, rare, after, 10, max_looked_at=40)
            sizes.append(len(found.entries))
            if (after := found.rest) is None:
                return sizes

    sizes = await few.read(walk)
    assert sum(sizes) == sizes[-1] == 1
    assert 300 / 40 <= len(sizes) <= 300 / 40 + 2
