"""However many exports there are, nothing reads them all."""

import asyncio
import re

from services.api.domain.retry import GiveUp, RetryAfter
from services.api.domain.states import CancelReason
from services.api.ports.exports import ExportFilter, IdRange, RequestMark
from services.api.storage.sql.places import COUNTED_ALONE
from services.api.storage.sql.stores import sql_store
from tests.ports.driving import WORKER, completed, expired, failed, given_up, leased
from tests.ports.samples import CRASH, SECOND, SPEC, START, new_export

SCANS = tuple(f"SCAN {table}" for table in ("exports", "requests", "transitions", "deliveries", "line"))


async def use_every_verb(store):
    export = await store.exports.create(new_export(callback_url="https://x.test/"), SPEC, RequestMark("r", b"d"))
    await store.exports.create(new_export(), SPEC, RequestMark("r", b"d"))
    await store.exports.cancel("acme", export.id, START, only_if_queued=True)
    await store.exports.delete("acme", export.id, START)
    done = await completed(store)
    await store.exports.get_by_file("acme", done.export.file.id)
    await store.exports.ids("acme", IdRange(done.export.id, done.export.id), 10)
    await store.exports.page("acme", ExportFilter(labels={"a": "b"}), export.id, 10)
    waiting = await store.exports.create(new_export(), SPEC, None)
    assert await store.exports.placed("acme", waiting.id)
    more = [await store.exports.create(new_export(), SPEC, None) for _ in range(2 * COUNTED_ALONE)]
    assert all(await asyncio.gather(*(store.exports.placed("acme", each.id) for each in more)))
    late = await expired(store)
    await store.leases.renew(WORKER, [late.lease], late.now)
    await store.leases.standings([late.lease])
    await store.leases.unconfirmed(WORKER, START)
    await store.leases.release([late.lease], late.now)
    await store.leases.fail((await leased(store)).lease, CRASH, GiveUp(CancelReason.NOT_RETRYABLE), START)
    await store.leases.fail((await failed(store)).lease, CRASH, RetryAfter(SECOND), START)
    await store.leases.next_due(START)
    await store.figures.depth(START)
    await store.figures.running()
    await store.figures.running_exports("", "", 10)
    await store.figures.running_exports("acme", export.id, 10)
    await store.exports.retry("acme", (await given_up(store)).export.id, 3, None, START)
    await store.exports.transitions("acme", export.id)


async def use_the_outbox(outbox):
    for held in await outbox.hold(10, START + SECOND, START):
        await outbox.try_again(held, "500", START, START)
    for held in await outbox.hold(10, START + SECOND, START):
        await outbox.sent(held, "204", START)
        await outbox.redeliver("acme", held.delivery.id, START)
        await outbox.deliveries("acme", held.delivery.export_id)
        await outbox.ids("acme", IdRange(held.delivery.id, held.delivery.id), 10)
    await outbox.next_due()
    await outbox.oldest(START)


async def test_no_statement_reads_the_whole_table(database, executed):
    store = sql_store(database)
    await use_every_verb(store)
    await use_the_outbox(store.outbox)
    statements = {re.sub(r"'[^']*'|\b\d+\b", "?", statement): statement for statement in executed}.values()
    assert len(statements) > 25
    for statement in statements:
        plan = await database.read(lambda db, s=statement: db.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}").all())
        scans = [step.detail for step in plan if step.detail.startswith(SCANS)]
        # Counting walks the small index of what is counted, the oldest is the first step of one; nothing else walks.
        counts = "count(*)" in statement and all("COVERING INDEX exports_" in scan for scan in scans)
        one_step = "LIMIT" in statement and all("INDEX exports_oldest" in scan for scan in scans)
        # What runs is as much as the workers have slots for.
        what_runs = all("USING INDEX exports_running" in scan for scan in scans)
        # When the shares have changed, who was capped by the old ones comes back.
        who_is_capped = all(scan == "SCAN line USING INDEX line_capped" for scan in scans)
        assert not scans or counts or one_step or what_runs or who_is_capped, statement
