"""What may be relied on when each change of an export is announced as an event of Syntage."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from services.api.domain.callbacks import CallbackFormat
from services.api.domain.notifications import Channel, DeliveryState, notification_count
from services.api.domain.quotas import Quota, Quotas
from services.api.domain.retry import GiveUp, RetryAfter
from services.api.domain.states import CancelReason
from services.contract.errors import QuotaExceeded
from tests.ports.driving import POLICY, WORKER, lease
from tests.ports.samples import CRASH, OPTIONS, SECOND, SPEC, START, STATS, new_attachments, new_export, new_file

URL = "https://hooks.test/events"
HOLD = timedelta(seconds=30)
EVENTS = replace(OPTIONS, callback_format=CallbackFormat.SYNTAGE)


async def asked(store, **changed):
    """An export whose changes are called back."""
    return await store.exports.create(new_export(**{"callback_url": URL, "options": EVENTS} | changed), SPEC, None)


async def completed(store, **changed):
    export = await asked(store, **changed)
    claimed = await lease(store)
    file = new_file(export.id, now=START + SECOND)
    await store.leases.complete(claimed.ref, file, STATS, START + SECOND, attachments=new_attachments(file))
    return await store.exports.get("acme", export.id)


async def told(outbox, export):
    return await outbox.deliveries("acme", export.id)


def statuses(deliveries):
    """Of each event its type, and the status before and after."""
    changes = [d.notice["data"]["changes"].get("status", {}) for d in deliveries]
    return [(d.event, each.get("old"), each.get("new")) for d, each in zip(deliveries, changes, strict=True)]


# ---- what is announced


async def test_an_export_is_told_from_its_creation_to_its_files_and_its_end(store, outbox):
    export = await completed(store)
    events = await told(outbox, export)
    assert statuses(events) == [
        ("export.created", None, None),
        ("export.updated", "pending", "running"),
        ("file.created", None, None),
        ("file.created", None, None),
        ("export.updated", "running", "finished"),
    ]
    assert {(d.channel, d.target, d.run, d.state) for d in events} == {
        (Channel.CALLBACK, URL, 1, DeliveryState.PENDING)
    }
    assert [d.create_time for d in events] == [START, START, *[START + SECOND] * 3]


async def test_events_have_the_fields_of_the_dialect(store, outbox):
    export = await completed(store)
    created, _, table, attachments, ended = [d.notice for d in await told(outbox, export)]
    path, file_path = f"/exports/{export.id}", f"/files/{export.file.id}"
    assert [*created] == [*table] == [*ended] == ["id", "type", "source", "resource", "data", "createdAt"]
    assert created | {"id": ""} == {
        "id": "",
        "type": "export.created",
        "source": path,
        "resource": path,
        "data": {
            "object": {
                "@id": path,
                "@type": "Export",
                "id": export.id,
                "format": "xlsx",
                "fileTypes": ["invoice.cfdi.xml"],
                "status": "pending",
                "uri": "/entities/7/invoices?total[gt]=3",
                "createdAt": "2026-11-01T12:00:00.000Z",
                "updatedAt": "2026-11-01T12:00:00.000Z",
            },
            "changes": {},
        },
        "createdAt": "2026-11-01T12:00:00.000Z",
    }
    assert table | {"id": ""} == {
        "id": "",
        "type": "file.created",
        "source": path,
        "resource": file_path,
        "data": {
            "object": {
                "@id": file_path,
                "@type": "File",
                "id": export.file.id,
                "type": "Export",
                "resource": path,
                "mimeType": "application/zip",
                "extension": "zip",
                "size": 4096,
                "filename": "invoices.zip",
            },
            "changes": {},
        },
        "createdAt": "2026-11-01T12:00:01.000Z",
    }
    shown = ended["data"]["object"]
    assert (shown["file"], shown["attachmentsFile"]) == (table["data"]["object"], attachments["data"]["object"])
    assert (shown["status"], shown["updatedAt"]) == ("finished", "2026-11-01T12:00:01.000Z")
    assert ended["data"]["changes"] == {"status": {"old": "running", "new": "finished"}}


async def test_an_event_has_the_digits_of_its_delivery_as_its_id(store, outbox):
    events = await told(outbox, await completed(store))
    assert [UUID(d.notice["id"]).hex for d in events] == [d.id.removeprefix("msg_") for d in events]
    assert len({d.id for d in events}) == 5


async def test_attempts_that_fail_and_runs_that_begin_again_are_told(store, outbox):
    export = await asked(store)
    await store.leases.fail((await lease(store)).ref, CRASH, RetryAfter(SECOND), START)
    claimed = await lease(store, START + SECOND, "poll-2")
    await store.leases.fail(claimed.ref, CRASH, GiveUp(CancelReason.NOT_RETRYABLE), START + SECOND)
    await store.exports.retry("acme", export.id, 1, None, START + SECOND)
    await store.exports.cancel("acme", export.id, START + SECOND, only_if_queued=True)
    events = await told(outbox, export)
    assert statuses(events) == [
        ("export.created", None, None),
        ("export.updated", "pending", "running"),
        ("export.updated", "running", "pending"),
        ("export.updated", "pending", "running"),
        ("export.updated", "running", "failed"),
        ("export.updated", "failed", "pending"),
        ("export.updated", "pending", "failed"),
    ]
    assert [d.run for d in events] == [1, 1, 1, 1, 1, 2, 2]


async def test_a_late_answer_is_told_from_the_status_that_it_found(store, outbox):
    export = await asked(store)
    claimed = await lease(store)
    await store.leases.renew(WORKER, [claimed.ref], START)
    later = START + POLICY.ttl
    await store.leases.expire(later)
    await store.leases.complete(claimed.ref, new_file(export.id, now=later), STATS, later)
    assert statuses(await told(outbox, export))[2:] == [
        ("export.updated", "running", "pending"),
        ("file.created", None, None),
        ("export.updated", "pending", "finished"),
    ]


async def test_a_mail_beside_events_tells_the_end_alone(store, outbox):
    export = await completed(store, notify_email="ops@example.test")
    (mail,) = [d for d in await told(outbox, export) if d.channel is Channel.EMAIL]
    assert (mail.event, mail.number, mail.notice["status"]) == ("", 0, "COMPLETED")


async def test_without_a_url_and_with_the_other_format_there_are_no_events(store, outbox):
    assert await told(outbox, await completed(store, callback_url="")) == []
    (end,) = await told(outbox, await completed(store, options=OPTIONS))
    assert (end.event, end.number, end.notice["status"]) == ("", 0, "COMPLETED")


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_events_are_listed_page_by_page_in_their_order(store, outbox, limit):
    export = await completed(store, notify_email="ops@example.test")
    whole, paged, after = await told(outbox, export), [], None
    while page := await outbox.deliveries("acme", export.id, after=after, limit=limit):
        paged += page
        after = page[-1].position
    assert paged == whole
    assert len(whole) == 6


# ---- the order


async def hold_all(outbox, now=START + HOLD):
    return await outbox.hold(100, now + HOLD, now)


async def held_one(outbox, now=START + HOLD):
    (held,) = await hold_all(outbox, now)
    return held


async def test_an_event_waits_until_the_earlier_ones_of_its_export_were_attempted(store, outbox):
    await completed(store)
    now, types = START + HOLD, []
    while held := await hold_all(outbox, now):
        assert await hold_all(outbox, now) == []
        (one,) = held
        types.append(one.delivery.event)
        assert await outbox.sent(one, "204", now)
    assert types == ["export.created", "export.updated", "file.created", "file.created", "export.updated"]


async def test_an_event_that_was_refused_does_not_hold_up_the_later_ones(store, outbox):
    await completed(store)
    first = await held_one(outbox)
    await outbox.try_again(first, "500", START + timedelta(hours=1), START + HOLD)
    assert (await held_one(outbox)).delivery.number > first.delivery.number


async def test_an_event_that_was_put_back_still_comes_first(store, outbox):
    await completed(store)
    first = await held_one(outbox)
    await outbox.put_back([first], START + HOLD + SECOND)
    assert await hold_all(outbox) == []
    assert (await held_one(outbox, START + HOLD + SECOND)).delivery.id == first.delivery.id


async def test_an_event_whose_process_died_is_attempted_again_before_the_later_ones(store, outbox):
    await completed(store)
    first = await held_one(outbox)
    assert (await held_one(outbox, START + 3 * HOLD)).delivery.id == first.delivery.id


async def test_exports_do_not_wait_for_each_other(store, outbox):
    for _ in range(3):
        await asked(store)
    assert len(await hold_all(outbox)) == 3


async def test_parallel_holds_keep_the_order(store, outbox):
    export = await completed(store)
    batches = await asyncio.gather(*(outbox.hold(3, START + 3 * HOLD, START + HOLD) for _ in range(5)))
    assert [held.delivery.number for batch in batches for held in batch] == [(await told(outbox, export))[0].number]


# ---- settling


async def test_the_callback_counts_as_sent_once_the_end_was_accepted(store, outbox):
    export = await completed(store)
    sent = []
    while held := await hold_all(outbox):
        await outbox.sent(held[0], "204", START + HOLD)
        sent.append((await store.exports.get("acme", export.id)).callback_sent)
    assert sent == [False, False, False, False, True]


async def test_events_of_an_earlier_run_stay_true_when_a_later_one_ends(store, outbox):
    export = await asked(store)
    await store.leases.fail((await lease(store)).ref, CRASH, GiveUp(CancelReason.NOT_RETRYABLE), START)
    await store.exports.retry("acme", export.id, 1, None, START + SECOND)
    await store.exports.cancel("acme", export.id, START + SECOND, only_if_queued=True)
    assert {d.state for d in await told(outbox, export)} == {DeliveryState.PENDING}


async def test_an_event_can_be_delivered_once_more_with_the_same_content(store, outbox):
    await completed(store)
    first = await held_one(outbox)
    await outbox.sent(first, "204", START + HOLD)
    again = await outbox.redeliver("acme", first.delivery.id, START + HOLD)
    assert (again.event, again.number, again.notice) == (
        first.delivery.event, first.delivery.number, first.delivery.notice
    )  # fmt: skip


# ---- the quota


async def test_an_export_with_events_counts_as_four_notifications(store):
    quotas = Quotas(notifications_a_day=9)
    for _ in range(2):
        await store.exports.create(new_export(callback_url=URL, options=EVENTS), SPEC, None, quotas=quotas)
    assert (await store.usage.usage("acme", START))[Quota.NOTIFICATIONS] == 8
    with pytest.raises(QuotaExceeded):
        await store.exports.create(new_export(callback_url=URL, options=EVENTS), SPEC, None, quotas=quotas)
    await store.exports.create(new_export(callback_url=URL), SPEC, None, quotas=quotas)
    assert notification_count(new_export(callback_url=URL, notify_email="a@x.test", options=EVENTS)) == 5
