"""Ids between two others, as a person means them who types the beginning of one."""

from services.api.ports.exports import IdKind, IdMatch, IdRange
from tests.ports.driving import cancelled, completed, leased
from tests.ports.samples import SPEC, START, STATS, new_attachments, new_export, new_file

ALL = IdRange("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff")
ALL_DELIVERIES = IdRange(f"msg_{'0' * 32}", f"msg_{'f' * 32}")


def just(id_: str) -> IdRange:
    return IdRange(id_, id_)


async def test_exports_and_both_kinds_of_files_are_found(store):
    driven = await leased(store)
    file = new_file(driven.export.id)
    attachments = new_attachments(file)
    export = await store.leases.complete(driven.lease, file, STATS, START, attachments=attachments)
    made = IdMatch(IdKind.EXPORT, export.id, export.id)
    files = [IdMatch(IdKind.FILE, id_, export.id) for id_ in sorted((file.id, attachments.id))]
    assert await store.exports.ids("acme", ALL, 10) == [made, *files]
    assert await store.exports.ids("acme", just(export.id), 10) == [made]
    for match in files:
        assert await store.exports.ids("acme", just(match.id), 10) == [match]


async def test_a_range_has_both_of_its_ends_and_is_in_order(store):
    ids = sorted([(await cancelled(store)).export.id for _ in range(3)])
    found = await store.exports.ids("acme", IdRange(ids[0], ids[1]), 10)
    assert [match.id for match in found] == ids[:2]
    assert [match.id for match in await store.exports.ids("acme", ALL, 2)] == ids[:2]


async def test_each_kind_has_its_own_limit(store):
    for _ in range(3):
        await completed(store)
    kinds = [match.kind for match in await store.exports.ids("acme", ALL, 2)]
    assert kinds == [IdKind.EXPORT] * 2 + [IdKind.FILE] * 2


async def test_ids_of_other_tenants_and_of_what_is_deleted_are_not_found(store):
    driven = await completed(store)
    assert await store.exports.ids("other", ALL, 10) == []
    await store.exports.delete("acme", driven.export.id, START)
    assert await store.exports.ids("acme", ALL, 10) == []


async def test_deliveries_are_found(store, outbox):
    export = await store.exports.create(new_export(callback_url="https://x.test/"), SPEC, None)
    await store.exports.cancel("acme", export.id, START, only_if_queued=True)
    (delivery,) = await outbox.deliveries("acme", export.id)
    match = IdMatch(IdKind.DELIVERY, delivery.id, export.id)
    assert await outbox.ids("acme", ALL_DELIVERIES, 10) == await outbox.ids("acme", just(delivery.id), 10) == [match]
    assert await outbox.ids("other", ALL_DELIVERIES, 10) == await outbox.ids("acme", ALL_DELIVERIES, 0) == []
