"""What may be relied on of any audit trail."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from services.api.domain.audit import MAX_TEXT_CHARACTERS, NOBODY, Action, AuditEntry, Origin
from services.api.domain.keys import CALLERS_SCOPES, Holder, Key
from services.api.domain.links import DownloadLink
from services.api.domain.notifications import Channel
from services.api.domain.quotas import Quotas
from services.api.ports.audit import AuditFilter
from services.api.ports.exports import RequestMark
from services.contract.errors import (
    DeliveryNotFound,
    ExportNotFound,
    IllegalTransition,
    PasswordRequired,
    QuotaExceeded,
    RequestIdReused,
)
from tests.ports.driving import completed, given_up, queued
from tests.ports.samples import SECOND, SPEC, START, new_export

HOUR = timedelta(hours=1)
BY = Origin("key:0123456789", "request-1", "192.0.2.7")
KEY = Key(
    "k1", Holder.CALLER, "acme", "", b"\0", CALLERS_SCOPES, all_tenants=True, sources=frozenset(), create_time=START
)


def entry(number: int = 0, **changed) -> AuditEntry:
    made = AuditEntry(Action.DOWNLOAD_ENDED, START + number * SECOND, "acme", f"e{number}", BY, 7, {"collection": "A"})
    return replace(made, **changed)


async def told(store, filter_: AuditFilter | None = None) -> list[AuditEntry]:
    """All that match, newest first, page by page."""
    found, after = [], None
    while True:
        page = await store.audit.page(filter_ or AuditFilter(), after, 2)
        found += page.entries
        if (after := page.rest) is None:
            return found


async def actions(store, resource: str = "") -> list[Action | None]:
    """Those of a resource, oldest first."""
    return [each.action for each in await told(store, AuditFilter(resource=resource))][::-1]


# ---- the trail


async def test_an_entry_that_is_added_again_is_stored_once_and_the_others_of_its_call_are_stored(store):
    first, second, without = entry(1, once="a"), entry(2, once="b"), entry(3)
    await store.audit.add([first, without])
    await store.audit.add([first, second, replace(second, bytes=9), without])
    await asyncio.gather(*(store.audit.add([each]) for each in (second, entry(4, once="c"), first)))
    assert [(each.once, each.bytes) for each in await told(store)] == [("c", 7), ("", 7), ("", 7), ("b", 7), ("a", 7)]


async def test_an_entry_is_found_as_it_was_added(store):
    nothing_known = entry(2, bytes=None, details={}, tenant="", by=NOBODY)
    await store.audit.add([entry(1), nothing_known])
    await store.audit.add([])
    second, first = await told(store)
    assert (replace(first, id=0), replace(second, id=0)) == (entry(1), nothing_known)
    assert 0 < first.id < second.id


async def test_a_large_number_of_bytes_is_kept_exactly(store):
    await store.audit.add([entry(bytes=(1 << 53) + 1)])
    assert (await told(store))[0].bytes == (1 << 53) + 1


async def test_pages_are_newest_first_and_go_on_where_the_last_one_ended(store):
    """Entries of the same moment are in the order in which they were added."""
    await store.audit.add([entry(3), entry(1), entry(2), entry(2, resource="again"), entry(0)])
    assert [each.resource for each in await told(store)] == ["e3", "again", "e2", "e1", "e0"]


FILTERS = {
    "tenant": (AuditFilter(tenant="other"), "e1"),
    "no tenant": (AuditFilter(tenant=""), "e4"),
    "resource": (AuditFilter(resource="e2"), "e2"),
    "resource of another": (AuditFilter(resource="e1", tenant="acme"), ""),
    "action": (AuditFilter(actions=frozenset({Action.KEY_REVOKED, Action.KEY_CREATED})), "e3"),
    "principal": (AuditFilter(principal="key:k"), "e2"),
    "since": (AuditFilter(since=START + 3 * SECOND), "e4 e3"),
    "before": (AuditFilter(before=START + SECOND), "e0"),
    "several": (AuditFilter(tenant="acme", since=START + SECOND, before=START + 3 * SECOND), "e2"),
    "none": (AuditFilter(tenant="acme", principal="nobody"), ""),
}


@pytest.mark.parametrize("name", sorted(FILTERS))
async def test_all_conditions_of_a_filter_hold(store, name):
    await store.audit.add(
        [
            entry(0),
            entry(1, tenant="other"),
            entry(2, by=Origin("key:k")),
            entry(3, action=Action.KEY_REVOKED),
            entry(4, tenant=""),
        ]
    )
    filter_, found = FILTERS[name]
    assert " ".join(each.resource for each in await told(store, filter_)) == found


async def test_texts_from_outside_are_cut_and_have_no_control_characters(store):
    by = Origin("key:\x00\x1b[2J", "r" * 10_000, "\ud800'; DROP TABLE audit; --")
    await store.audit.add([entry(by=by, resource="a\nb", details={"collection": "\u202e" + "ñ" * 999})])
    (found,) = await told(store)
    assert (found.by.principal, found.resource) == ("key:\ufffd\ufffd[2J", "a\ufffdb")
    assert found.by.request_id == "r" * MAX_TEXT_CHARACTERS
    assert found.by.peer == "\ufffd'; DROP TABLE audit; --"
    assert found.details == {"collection": "\ufffd" + "ñ" * (MAX_TEXT_CHARACTERS - 1)}


# ---- changes and their entries


async def test_a_create_is_entered_once_however_often_it_is_repeated(store):
    export, mark = new_export(), RequestMark("r", b"digest")
    for _ in range(3):
        await store.exports.create(replace(new_export(), id=export.id), SPEC, mark, by=BY)
    (created,) = await told(store)
    details = {"collection": "Invoices"}
    expected = AuditEntry(Action.EXPORT_CREATED, START, "acme", export.id, BY, details=details, id=created.id)
    assert created == expected


async def test_a_refused_create_is_not_entered(store):
    await store.exports.create(new_export(), SPEC, RequestMark("r", b"digest"))
    with pytest.raises(RequestIdReused):
        await store.exports.create(new_export(), SPEC, RequestMark("r", b"another"), by=BY)
    with pytest.raises(QuotaExceeded):
        await store.exports.create(new_export(), SPEC, None, None, Quotas(waiting=1), by=BY)
    assert await actions(store) == [Action.EXPORT_CREATED]


async def test_a_cancel_is_entered_with_the_change_and_its_repetition_is_not(store):
    export = (await queued(store)).export
    for _ in range(2):
        await store.exports.cancel("acme", export.id, START + SECOND, only_if_queued=False, by=BY)
    with pytest.raises(ExportNotFound):
        await store.exports.cancel("other", export.id, START, only_if_queued=False, by=BY)
    cancelled, _ = await told(store)
    assert (cancelled.action, cancelled.time, cancelled.by) == (Action.EXPORT_CANCELLED, START + SECOND, BY)
    assert await actions(store, export.id) == [Action.EXPORT_CREATED, Action.EXPORT_CANCELLED]


async def test_a_delete_is_entered_once_and_stays_when_the_export_is_forgotten(store):
    done = (await completed(store)).export
    for _ in range(2):
        await store.exports.delete("acme", done.id, START + HOUR, by=BY)
    with pytest.raises(IllegalTransition):
        await store.exports.delete("acme", (await queued(store)).export.id, START, by=BY)
    assert await store.retention.forget(START + 100 * 24 * HOUR, HOUR, 100)
    assert await actions(store, done.id) == [Action.EXPORT_CREATED, Action.EXPORT_DELETED]


async def test_a_retry_is_entered_with_its_attempts(store):
    export = (await given_up(store)).export
    await store.exports.retry("acme", export.id, 4, None, START + HOUR, by=BY)
    with pytest.raises((IllegalTransition, PasswordRequired)):
        await store.exports.retry("acme", export.id, 4, None, START + HOUR, by=BY)
    retried, _ = await told(store)
    assert (retried.action, retried.resource, retried.by) == (Action.EXPORT_RETRIED, export.id, BY)
    assert retried.details == {"collection": "Invoices", "attempts": "4"}


async def test_a_notification_that_is_sent_again_is_entered_under_its_export(store):
    done = await store.exports.create(new_export(callback_url="https://x.test/"), SPEC, None)
    await store.exports.cancel("acme", done.id, START, only_if_queued=True)
    (delivery,) = await store.outbox.deliveries("acme", done.id)
    assert delivery.channel is Channel.CALLBACK
    await store.outbox.redeliver("acme", delivery.id, START + HOUR, by=BY)
    with pytest.raises(DeliveryNotFound):
        await store.outbox.redeliver("other", delivery.id, START, by=BY)
    resent = (await told(store))[0]
    assert (resent.action, resent.resource, resent.by) == (Action.NOTIFICATION_RESENT, done.id, BY)
    assert resent.details == {"delivery_id": delivery.id}


async def test_the_life_of_a_key_is_entered(store):
    await store.keys.add(KEY, by=BY)
    await store.keys.replace("k1", replace(KEY, id="k2", lineage="k1"), START + HOUR, START, by=BY)
    for _ in range(2):
        await store.keys.revoke("k1", None, START + SECOND, by=BY)
    assert not await store.keys.replace("k1", replace(KEY, id="k3"), START + HOUR, START + SECOND, by=BY)
    assert await store.keys.revoke("k2", "other", START, by=BY) is None
    assert await actions(store, "k1") == [Action.KEY_CREATED, Action.KEY_ROTATED, Action.KEY_REVOKED]
    assert await actions(store, "k2") == [Action.KEY_CREATED]
    entries = await told(store)
    assert {(each.tenant, each.by) for each in entries} == {("acme", BY)}
    allowed = {"holder": "caller", "scopes": "cancel,create,read", "all_tenants": "true"}
    assert sorted(each.details.items() for each in entries if each.action is Action.KEY_CREATED) == sorted(
        [allowed.items(), (allowed | {"replaces": "k1"}).items()]
    )


async def test_the_life_of_a_link_is_entered_under_its_export_and_a_repeated_use_is_not(store):
    done = (await completed(store)).export
    link = DownloadLink("L1", "acme", done.id, done.file.id, b"digest", START, START + HOUR, max_uses=2)
    await store.links.add(link, by=BY)
    for _ in range(2):
        assert await store.links.use("L1", "first-use", START, START - HOUR, by=BY)
        assert await store.links.revoke("L1", "other", START, by=BY) is None
    for _ in range(2):
        await store.links.revoke("L1", "acme", START, by=BY)
    assert await store.links.use("L1", "second-use", START, START - HOUR, by=BY) is None
    assert await actions(store, done.id) == [
        Action.EXPORT_CREATED, Action.LINK_CREATED, Action.LINK_USED, Action.LINK_REVOKED
    ]  # fmt: skip
    created = (await told(store))[2]
    expires = (START + HOUR).isoformat()
    assert created.details == {"link_id": "L1", "file_id": done.file.id, "expires": expires, "max_uses": "2"}


async def test_what_workers_and_the_clock_do_is_in_the_history_not_here(store):
    done = (await completed(store)).export
    assert await actions(store, done.id) == [Action.EXPORT_CREATED]


# ---- the end of an entry


async def test_the_oldest_entries_go_when_their_time_is_over_a_few_at_a_time(store):
    await store.audit.add([entry(number) for number in (4, 0, 1, 2, 3)])
    removed = [await store.retention.forget_audit(START + 3 * SECOND, 2) for _ in range(3)]
    assert removed == [2, 1, 0]
    assert [each.resource for each in await told(store)] == ["e4", "e3"]


async def test_an_id_is_not_used_again_when_all_entries_have_gone(store):
    await store.audit.add([entry(0)])
    (gone,) = await told(store)
    assert await store.retention.forget_audit(START + HOUR, 10) == 1
    await store.audit.add([entry(0)])
    assert (await told(store))[0].id > gone.id
