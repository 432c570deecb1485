"""Lists in PostgreSQL: rows that one statement stores, and statements for which nobody waits."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.api.storage.postgres.connections import Address
from services.api.storage.postgres.database import PostgresDatabase
from services.api.storage.sql.history import _ENTRY_COLUMNS
from services.api.storage.sql.listed import Appended
from services.api.storage.sql.prepared import Prepared
from services.api.storage.sql.rows import NEW_COLUMNS, new_row
from services.api.storage.sql.stores import sql_store
from services.api.storage.sql.tables import audit, deliveries, exports, transitions
from tests.integration.storage.gathering import gathered
from tests.ports.samples import SPEC, START, STATS, new_export, new_file
from tests.servers.stores import new_store

AWKWARD = "a\0b \\u0000 \\ \" ' \t\n {1,2} \N{GRINNING FACE} %s"
"""Signs that JSON, SQL or the driver might change. NUL alone is replaced."""

_fail = Prepared(sa.update(exports).values(version=-1))
_count = Prepared(sa.select(sa.func.count().label("rows")).select_from(exports))


@pytest.fixture(scope="module")
async def database():
    async with PostgresDatabase(Address(new_store())) as opened:
        yield opened


@pytest.fixture
def store(database):
    return sql_store(database)


async def stored(database, table: sa.Table) -> list[dict]:
    rows = await database.write(lambda db: db.execute(sa.select(table).order_by(table.c.id)).mappings().all())
    return [dict(row) for row in rows]


def an_export(**fields):
    return new_export(labels={"team": AWKWARD, AWKWARD: ""}, uri=AWKWARD, callback_url="https://x.test/", **fields)


def entries(export, count: int) -> list[dict]:
    entry = {
        "export_id": export.id, "version": 2, "run": 1, "attempt": 0, "event": "LEASE", "state": export.state,
        "actor": "WORKER", "worker_id": AWKWARD, "reason": AWKWARD, "time": START,
    }  # fmt: skip
    assert {*entry} == {*_ENTRY_COLUMNS}
    return [{**entry, "version": 2 + n, "time": START + timedelta(microseconds=n)} for n in range(count)]


async def rows_of(database, append, table: sa.Table, new: list[dict]) -> list[dict]:
    """Append rows in a transaction of their own, and return what is stored, without the ids that the database makes."""
    before = await stored(database, table)
    await database.write(lambda db: append(db, new))
    return (await stored(database, table))[len(before) :]


@pytest.mark.parametrize("password", [None, b"\x00\xffsealed"], ids=["without", "with"])
async def test_exports_stored_together_are_stored_as_each_alone(database, password):
    appended = Appended(exports, NEW_COLUMNS)

    def each_alone(db, rows):
        for row in rows:
            appended.run_each(db, [row])

    alone = [new_row(an_export(encrypted=password is not None), SPEC, password) for _ in range(3)]
    together = [new_row(an_export(encrypted=password is not None), SPEC, password) for _ in range(3)]
    one_by_one = await rows_of(database, each_alone, exports, alone)
    at_once = await rows_of(database, appended.run_each, exports, together)
    assert [{**row, "id": ""} for row in at_once] == [{**row, "id": ""} for row in one_by_one]
    assert [row["id"] for row in at_once] == [row["id"] for row in together]
    assert at_once[0]["uri"] == AWKWARD.replace("\0", "\ufffd")


async def test_entries_stored_together_are_stored_as_each_alone_and_in_their_order(database, store):
    export = await store.exports.create(an_export(), SPEC, None)
    appended = Appended(transitions, _ENTRY_COLUMNS)

    def each_alone(db, rows):
        for row in rows:
            appended.run_each(db, [row])

    new = entries(export, 40)
    one_by_one = await rows_of(database, each_alone, transitions, new)
    at_once = await rows_of(database, appended.run_each, transitions, new)
    assert [{**row, "id": 0} for row in at_once] == [{**row, "id": 0} for row in one_by_one]
    assert [row["version"] for row in at_once] == [row["version"] for row in new]


async def test_a_life_of_several_leaves_the_same_rows_as_a_life_of_one(database, store):
    async def lived(count: int) -> list[list[dict]]:
        before = {table: len(await stored(database, table)) for table in (transitions, deliveries, audit)}
        made = [an_export(tenant=f"lived-{count}") for _ in range(count)]
        await asyncio.gather(*(store.exports.create(export, SPEC, None) for export in made))
        jobs = await store.leases.claim(f"w {count}", "poll", 100, START)
        await asyncio.gather(*(store.leases.complete(job.ref, new_file(job.export.id), STATS, START) for job in jobs))
        assert len(jobs) >= count
        return [await stored(database, table) for table in before]

    async with PostgresDatabase(Address(new_store())) as other:
        database, store = other, sql_store(other)
        one, several = await lived(1), await lived(5)

    def shapes(rows: list[dict]) -> set[str]:
        own = {"id", "export_id", "resource", "tenant", "time", "worker_id", "notice", "once"}
        return {repr({name: value for name, value in row.items() if name not in own}) for row in rows}

    for alone, together in zip(one, several, strict=True):
        assert shapes(alone) == shapes(together)
    notices = [[*row["notice"]] for row in several[1]]
    assert all(keys == notices[0] for keys in notices), "the order of a notice's fields is kept"


# ---- statements for which nobody waits


async def test_an_error_of_a_statement_for_which_nobody_waits_comes_at_the_end(database, store):
    export = await store.exports.create(an_export(), SPEC, None)
    gone_on = []

    def fails(db):
        _fail.run(db, {})
        gone_on.append(True)

    with pytest.raises(sa.exc.IntegrityError):
        await database.write(fails)
    assert gone_on, "it was not waited for"
    assert (await store.exports.get(export.tenant, export.id)).version == export.version


async def test_rows_that_are_asked_for_after_it_do_not_come(database, store):
    await store.exports.create(an_export(), SPEC, None)

    def fails(db):
        _fail.run(db, {})
        return _count.scalar(db, {})

    with pytest.raises(sa.exc.IntegrityError):
        await database.write(fails)


async def test_sqlalchemy_sees_what_was_sent_before(database, store):
    export = await store.exports.create(an_export(), SPEC, None)
    note = Prepared(sa.update(exports).values(uri="changed").where(exports.c.id == sa.bindparam("of_id")))

    def changed(db):
        note.run(db, {"of_id": export.id})
        return db.execute(sa.select(exports.c.uri).where(exports.c.id == export.id)).scalar_one()

    assert await database.write(changed) == "changed"


async def test_a_unit_that_fails_late_takes_nobody_along(database, store):
    """The others of its transaction are stored: its error comes before its savepoint is released."""
    first, last = an_export(), an_export()
    outcomes = await gathered(
        database,
        [
            store.exports.create(first, SPEC, None),
            database.write(lambda db: _fail.run(db, {})),
            store.exports.create(last, SPEC, None),
        ],
    )
    assert isinstance(outcomes[1], sa.exc.IntegrityError)
    for one in (first, last):
        assert await store.exports.get(one.tenant, one.id) is not None
