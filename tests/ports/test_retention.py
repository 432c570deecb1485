"""What a sweep may rely on."""

from datetime import timedelta

import pytest

from services.api.ports.exports import ExportFilter, RequestMark
from services.api.ports.retention import Kept
from services.contract.job import LeaseRef
from tests.ports.driving import cancelled, completed, expired, failed, lease, leased, queued
from tests.ports.samples import SPEC, START, new_export

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ROWS_KEPT = 90 * DAY
STORE, ANOTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


async def kept(store, ref, now) -> Kept:
    (one,) = await store.retention.kept([ref], now, HOUR)
    return one


async def there(store) -> set[str]:
    return {export.id for export in (await store.exports.page("acme", ExportFilter(), "", 100)).exports}


# ---- whose artifacts they are


async def test_a_new_database_belongs_to_the_first_empty_store_for_good(store):
    assert await store.retention.artifact_store() == ""
    assert await store.retention.belongs_to(STORE, is_empty=True) == STORE
    assert await store.retention.belongs_to(ANOTHER, is_empty=True) == STORE
    assert await store.retention.artifact_store() == STORE


async def test_files_that_a_database_without_exports_cannot_know_are_anothers(store):
    assert await store.retention.belongs_to(STORE, is_empty=False) == ""
    await queued(store)
    assert await store.retention.belongs_to(STORE, is_empty=False) == STORE


# ---- bytes


@pytest.mark.parametrize("way", [leased, expired])
async def test_what_a_lease_in_force_wrote_may_become_a_file(store, way):
    driven = await way(store)
    assert await kept(store, driven.lease, driven.now + 365 * DAY) is Kept.NEEDED


@pytest.mark.parametrize("way", [failed, cancelled])
async def test_what_an_ended_lease_wrote_is_over(store, way):
    driven = await way(store)
    assert await kept(store, driven.lease, driven.now) is Kept.OVER


async def test_what_a_replaced_lease_wrote_is_over_and_what_nobody_knows_is_unknown(store):
    driven = await expired(store)
    again = await lease(store, driven.now, "poll-2")
    asked = [LeaseRef("nowhere", "l"), again.ref, driven.lease]
    assert await store.retention.kept(asked, driven.now, HOUR) == [Kept.UNKNOWN, Kept.NEEDED, Kept.OVER]


async def test_a_file_is_needed_until_the_grace_after_its_time_or_its_deletion(store):
    driven = await completed(store)
    expires = driven.export.file.expire_time
    assert await kept(store, driven.lease, expires + HOUR - timedelta.resolution) is Kept.NEEDED
    assert await kept(store, driven.lease, expires + HOUR) is Kept.OVER
    await store.exports.delete("acme", driven.export.id, START)
    assert await kept(store, driven.lease, START + HOUR - timedelta.resolution) is Kept.NEEDED
    assert await kept(store, driven.lease, START + HOUR) is Kept.OVER


# ---- rows


async def forget(store, now, limit=100) -> int:
    return await store.retention.forget(now, ROWS_KEPT, limit)


async def test_what_is_done_goes_when_its_time_is_over_and_what_is_not_done_stays(store):
    done, waiting = await completed(store), await queued(store)
    assert await forget(store, START + ROWS_KEPT - timedelta.resolution) == 0
    assert await forget(store, START + ROWS_KEPT) == 1
    assert await there(store) == {waiting.export.id}
    assert await store.exports.transitions("acme", done.export.id) == []


async def test_a_file_that_can_still_be_had_keeps_its_export(store):
    driven = await completed(store)
    now = driven.export.file.expire_time - timedelta.resolution
    assert await store.retention.forget(now, timedelta(), 100) == 0
    assert await store.retention.forget(driven.export.file.expire_time, timedelta(), 100) == 1


async def test_an_end_that_is_still_to_be_announced_keeps_its_export(store):
    export = await store.exports.create(new_export(callback_url="https://x.test/"), SPEC, None)
    await store.exports.cancel("acme", export.id, START, only_if_queued=True)
    assert await forget(store, START + ROWS_KEPT) == 0
    (held,) = await store.outbox.hold(1, START + HOUR, START)
    assert await store.outbox.sent(held, "204", START)
    assert await forget(store, START + ROWS_KEPT) == 1
    assert await store.outbox.deliveries("acme", export.id) == []


async def test_a_tombstone_and_a_request_id_go_after_a_day(store):
    mark = RequestMark("order-66", b"digest")
    export = await store.exports.create(new_export(), SPEC, mark)
    await store.exports.cancel("acme", export.id, START, only_if_queued=True)
    await store.exports.delete("acme", export.id, START)
    assert await forget(store, START + DAY - timedelta.resolution) == 0
    assert await forget(store, START + DAY) == 2
    again = new_export(id=export.id)
    assert await store.exports.create(again, SPEC, mark) == again


async def test_each_sweep_removes_a_bounded_number(store):
    for _ in range(5):
        export = (await queued(store)).export
        await store.exports.cancel("acme", export.id, START, only_if_queued=True)
    assert [await forget(store, START + ROWS_KEPT, limit=2) for _ in range(4)] == [2, 2, 1, 0]


async def test_tenants_whose_turn_is_past_are_forgotten_but_for_the_one_that_says_when_now_is(store):
    for tenant in ("idle", "busy", "busy", "busy"):
        await store.exports.create(new_export(tenant=tenant), SPEC, None)
    await store.leases.claim("worker-1", "poll", 4, START)
    assert await forget(store, START) == 1
    assert await forget(store, START) == 0
    assert {queue.tenant: queue.vtime for queue in await store.figures.queue()}["busy"] > 0
