"""The thread that writes: who shares a commit, and who is told what."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from services.api.ports.exports import ExportFilter
from services.api.storage.sql.readers import REMEMBERED
from services.api.storage.sql.stores import sql_store
from services.api.storage.sql.tables import requests
from services.contract.errors import ExportNotFound, StoreUnavailable
from tests.integration.storage.gathering import gathering
from tests.ports.samples import SPEC, START, new_export
from tests.servers.new_database import new_database


@pytest.fixture
def store(database):
    return sql_store(database)


@pytest.fixture
def commits(database):
    seen = []
    note = seen.append
    sa.event.listen(sa.Engine, "commit", note)
    yield seen
    sa.event.remove(sa.Engine, "commit", note)


async def test_what_is_acknowledged_is_on_the_disk(database):
    """SQLite tells a journal that survives a power cut from one that survives a crash by this pragma alone."""
    pragmas = {name: await database.write(_pragma(name)) for name in ("synchronous", "journal_mode", "foreign_keys")}
    assert pragmas == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1}


def _pragma(name):
    return lambda db: db.exec_driver_sql(f"PRAGMA {name}").scalar()


async def there(store) -> set[str]:
    return {export.id for export in (await store.exports.page("acme", ExportFilter(), "", 1000)).exports}


async def test_what_gathers_shares_one_commit(database, store, commits):
    exports = [new_export() for _ in range(20)]
    async with gathering(database):
        creates = [asyncio.create_task(store.exports.create(export, SPEC, None)) for export in exports]
    await asyncio.gather(*creates)
    assert len(commits) == 2  # the unit that held the others, and theirs
    assert await there(store) == {export.id for export in exports}


async def test_changes_of_neighbouring_turns_share_a_commit_once_they_come_together(store, commits):
    def create():
        return asyncio.create_task(store.exports.create(new_export(), SPEC, None))

    for _ in range(REMEMBERED):
        await asyncio.gather(create(), create())
    del commits[:]
    creates = []
    for _ in range(6):
        creates.append(create())
        await asyncio.sleep(0)
    await asyncio.gather(*creates)
    assert len(commits) == 1


async def test_a_failing_unit_takes_nobody_along(database, store, commits):
    first, twice, last = new_export(), new_export(), new_export()
    async with gathering(database):
        writes = [
            asyncio.create_task(write)
            for write in (
                store.exports.create(first, SPEC, None),
                store.exports.cancel("acme", "nowhere", START, only_if_queued=False),
                store.exports.create(twice, SPEC, None),
                store.exports.create(twice, SPEC, None),
                store.exports.create(last, SPEC, None),
            )
        ]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [
        ExportNotFound,
        sa.exc.IntegrityError,
    ]
    assert await there(store) == {first.id, twice.id, last.id}
    assert len(commits) == 2


@pytest.mark.parametrize("others", [0, 1])
async def test_a_list_that_fails_as_a_whole_is_done_one_by_one_and_told_to_the_log(database, store, others):
    """Alone in its transaction, and beside another unit."""

    def added(db, uris):
        if len(uris) > 1:
            raise RuntimeError
        return [db.scalar(sa.select(sa.literal(uris[0])))]

    with capture_logs() as lines:
        async with gathering(database):
            listed = [asyncio.ensure_future(database.write_listed(added, uri)) for uri in "abc"]
            beside = [asyncio.ensure_future(database.write(lambda _: "beside")) for _ in range(others)]
        assert await asyncio.gather(*listed, *beside) == [*"abc", *["beside"] * others]
    said = {"event": "list_failed", "verb": "added", "count": 3, "error": "RuntimeError", "log_level": "warning"}
    assert lines == [said]


async def test_when_sqlite_gives_up_the_whole_transaction_everyone_is_told(database, store):
    exports = [new_export(), new_export()]

    def lose_all(db):
        db.exec_driver_sql("INSERT OR ROLLBACK INTO exports SELECT * FROM exports")

    async with gathering(database):
        writes = [
            asyncio.create_task(store.exports.create(exports[0], SPEC, None)),
            asyncio.create_task(database.write(lose_all)),
            asyncio.create_task(store.exports.create(exports[1], SPEC, None)),
        ]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    assert await there(store) == set()
    await store.exports.create(exports[0], SPEC, None)


async def test_fault_16_a_caller_that_leaves_does_not_cut_its_unit(database, store):
    kept, left = new_export(), new_export()
    async with gathering(database):
        leaving = asyncio.create_task(store.exports.create(left, SPEC, None))
        staying = asyncio.create_task(store.exports.create(kept, SPEC, None))
        await asyncio.sleep(0)  # lets both hand in their units
        leaving.cancel()
    await staying
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await there(store) == {kept.id, left.id}


async def test_fault_19_a_disk_full_at_a_commit_is_told_and_nothing_acknowledged_is_lost(database, store):
    def allow(pages):
        return lambda db, *_: db.execute(f"PRAGMA max_page_count = {pages}")

    none = allow(1)  # never less than the file has: no page can be added, but migrations left a few free ones
    sa.event.listen(sa.Engine, "connect", none)
    await database.write(lambda db: none(db.connection.driver_connection))
    exports = [new_export(uri="/" + "x" * 2000) for _ in range(40)]
    outcomes = await asyncio.gather(*(store.exports.create(e, SPEC, None) for e in exports), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert refused
    assert {type(outcome) for outcome in refused} == {StoreUnavailable}
    assert await there(store) == {o.id for o in outcomes if not isinstance(o, Exception)}
    with pytest.raises(StoreUnavailable):
        await store.exports.create(new_export(uri="/" + "x" * 900_000), SPEC, None)

    sa.event.remove(sa.Engine, "connect", none)
    await database.write(lambda db: allow(1_000_000)(db.connection.driver_connection))
    assert (await store.exports.create(exports[-1], SPEC, None)).id in await there(store)


@pytest.mark.parametrize("strangers", [0, 3])
async def test_a_commit_that_fails_is_told_to_all_and_the_next_one_works(database, store, strangers):
    orphan = sa.insert(requests).values(
        tenant="acme", request_id="r", digest=b"d", export_id="nowhere", create_time=START
    )  # a violation that SQLite sees at COMMIT only
    async with gathering(database):
        writes = [asyncio.create_task(database.write(lambda db: db.execute(orphan)))]
        writes += [asyncio.create_task(store.exports.create(new_export(), SPEC, None)) for _ in range(strangers)]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * (1 + strangers)
    assert "FOREIGN KEY" in str(outcomes[0].__cause__)
    assert await there(store) == set()
    assert (await store.exports.create(new_export(), SPEC, None)).id in await there(store)


@pytest.mark.parametrize("at_once", [1, 3])
async def test_a_file_that_another_program_holds_is_told(database, store, tmp_path, at_once):
    await database.write(lambda db: db.exec_driver_sql("PRAGMA busy_timeout = 0"))
    with closing(sqlite3.connect(tmp_path / "exportd.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        creates = (store.exports.create(new_export(), SPEC, None) for _ in range(at_once))
        outcomes = await asyncio.gather(*creates, return_exceptions=True)
        other.execute("ROLLBACK")
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * at_once
    await store.exports.create(new_export(), SPEC, None)


async def test_closing_finishes_what_was_taken_on(tmp_path):
    database = await new_database(tmp_path / "exportd.sqlite3")
    store = sql_store(database)
    creates = [asyncio.create_task(store.exports.create(new_export(), SPEC, None)) for _ in range(300)]
    await asyncio.sleep(0)  # lets them hand in their units
    await database.close()
    assert len(await asyncio.gather(*creates)) == 300
    with pytest.raises(StoreUnavailable):
        await store.exports.create(new_export(), SPEC, None)
    await database.close()


async def test_readers_cannot_write(database, store):
    with pytest.raises(StoreUnavailable) as refused:
        await database.read(lambda db: db.exec_driver_sql("DELETE FROM exports"))
    assert "readonly database" in str(refused.value.__cause__)


async def test_what_was_acknowledged_is_read_at_once(store):
    async def create_and_read():
        export = await store.exports.create(new_export(), SPEC, None)
        return await store.exports.get("acme", export.id) == export

    assert all(await asyncio.gather(*(create_and_read() for _ in range(100))))


async def test_reads_survive_callers_that_leave(store):
    export = await store.exports.create(new_export(), SPEC, None)
    for _ in range(20):
        reads = [asyncio.create_task(store.exports.get("acme", export.id)) for _ in range(8)]
        await asyncio.sleep(0.001)  # somewhere in the middle of a read
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
    assert await asyncio.gather(*(store.exports.get("acme", export.id) for _ in range(8))) == [export] * 8
