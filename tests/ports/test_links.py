"""What may be relied on of any store of download links."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from services.api.domain import links as domain
from services.api.domain.links import KEPT_AFTER_END, DownloadLink
from services.api.domain.notifications import Channel
from services.api.domain.quotas import Quota
from services.contract.errors import QuotaExceeded
from tests.ports.driving import POLICY, lease
from tests.ports.samples import SECOND, SPEC, START, STATS, new_export, new_file

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONG_AGO = START - 365 * DAY
USE, OTHER_USE = "u" * 16, "v" * 16


async def export_of(store, tenant="acme", **more):
    return await store.exports.create(new_export(tenant=tenant, **more), SPEC, None)


def link(export, id_="L1", **more) -> DownloadLink:
    values = {"file_id": "file", "create_time": START, "expire_time": START + DAY}
    return DownloadLink(id_, export.tenant, export.id, digest=b"\0digest", **{**values, **more})


async def added(store, id_="L1", **more) -> DownloadLink:
    new = link(await export_of(store), id_, **more)
    await store.links.add(new)
    return new


async def test_a_link_is_found_as_it_was_added(store):
    full = await added(
        store, max_uses=3, label="für Ева 'x'", creator="key:k1", delivery_id="msg_1", sealed_token=b"\0sealed"
    )
    assert await store.links.find("L1") == full
    assert await store.links.find("L") is None


async def test_a_second_one_with_its_id_or_one_of_no_export_is_refused(store):
    first = await added(store)
    with pytest.raises(Exception, match=r"L1|UNIQUE|unique"):
        await store.links.add(replace(first, file_id="other"))
    with pytest.raises(Exception, match=r"no export|FOREIGN|foreign"):
        await store.links.add(replace(first, id="L2", export_id="none"))
    assert await store.links.find("L1") == first


async def test_pages_are_of_one_export_and_in_order(store):
    export, other = await export_of(store), await export_of(store)
    of_another = await export_of(store, "other")
    for id_, of in (("b", export), ("a", export), ("c", other), ("d", export), ("e", of_another)):
        await store.links.add(link(of, id_))
    first = await store.links.page("acme", export.id, "", 2)
    rest = await store.links.page("acme", export.id, "b", 2)
    assert [each.id for each in (*first, *rest)] == ["a", "b", "d"]
    assert await store.links.page("other", export.id, "", 9) == []


# ---- how many


async def usable(store, tenant="acme", now=START) -> int:
    return (await store.usage.usage(tenant, now))[Quota.LINKS]


async def test_a_tenant_has_no_more_links_that_can_be_used_than_it_may(store):
    export, other = await export_of(store), await export_of(store)
    of_another = await export_of(store, "other")
    wanted = [link(each, f"L{n}") for n, each in enumerate([export, other] * 5)]
    made = await asyncio.gather(*(store.links.add(each, 4) for each in wanted), return_exceptions=True)
    refused = [each for each in made if each is not None]
    assert {(type(each), each.quota, each.used, each.limit) for each in refused} == {(QuotaExceeded, "links", 4, 4)}
    assert (len(refused), await usable(store)) == (6, 4)
    await store.links.add(link(of_another, "M1"), 4)
    assert await usable(store, "other") == 1


@pytest.mark.parametrize("way", ["revoked", "expired", "used up"])
async def test_a_link_that_cannot_be_used_any_more_makes_room(store, way):
    export = await export_of(store)
    first = link(export, max_uses=1, expire_time=START + SECOND if way == "expired" else START + DAY)
    await store.links.add(first, 1)
    now = START + SECOND
    if way == "revoked":
        await store.links.revoke("L1", "acme", START)
    if way == "used up":
        await store.links.use("L1", USE, START, LONG_AGO)
    assert await usable(store, now=now) == 0
    await store.links.add(link(export, "L2", create_time=now), 1)
    assert await usable(store, now=now) == 1


async def test_an_export_has_a_limited_number_of_links_that_can_be_used(store, monkeypatch):
    monkeypatch.setattr(domain, "MAX_LIVE_OF_EXPORT", 3)
    export, other = await export_of(store), await export_of(store)
    wanted = [link(export, f"L{n}", expire_time=START + (n + 1) * HOUR) for n in range(9)]
    made = await asyncio.gather(*(store.links.add(each) for each in wanted), return_exceptions=True)
    assert [each is None for each in made] == [True] * 3 + [False] * 6
    refusal = made[-1]
    assert (refusal.quota, refusal.used, refusal.limit, refusal.wait_s) == ("links_of_export", 3, 3, 3600)
    await store.links.add(link(other, "M1"))
    await store.links.revoke("L0", "acme", START)
    await store.links.add(link(export, "L9"))
    assert await store.links.find("L9") is not None
    assert await store.links.find("L8") is None


async def test_whoever_creates_and_revokes_stores_a_limited_number(store, monkeypatch):
    monkeypatch.setattr(domain, "MAX_STORED_OF_EXPORT", 3)
    export = await export_of(store)
    for n in range(3):
        await store.links.add(link(export, f"L{n}", expire_time=START + DAY))
        await store.links.revoke(f"L{n}", "acme", START)
    with pytest.raises(QuotaExceeded) as refused:
        await store.links.add(link(export, "L3"))
    assert (refused.value.quota, refused.value.wait_s) == ("links_of_export", 0)
    assert len(await store.links.page("acme", export.id, "", 9)) == 3


async def test_links_of_mails_count_and_are_not_refused(store, monkeypatch):
    monkeypatch.setattr(domain, "MAX_LIVE_OF_EXPORT", 1)
    export, (held,) = await mailed(store)
    await store.links.add(link(export), 1)
    assert (await store.links.add_for_mail(for_mail(export, held))).id == "M1"
    assert await usable(store) == 2


# ---- uses


async def test_each_use_is_counted_until_none_is_left(store):
    await added(store, max_uses=2)
    uses = [await store.links.use("L1", f"use{n}", START + n * SECOND, LONG_AGO) for n in range(3)]
    assert [used and (used.uses, used.last_use_id, used.last_use_time) for used in uses] == [
        (1, "use0", START),
        (2, "use1", START + SECOND),
        None,
    ]
    assert (await store.links.find("L1")).used_up


async def test_a_link_without_a_limit_is_never_used_up(store):
    await added(store)
    for n in range(5):
        used = await store.links.use("L1", f"use{n}", START, LONG_AGO)
    assert (used.uses, used.used_up, used.uses_left) == (5, False, 0)


async def test_a_use_that_is_repeated_is_the_same_use(store):
    await added(store, max_uses=1)
    first = await store.links.use("L1", USE, START, START - HOUR)
    again = await store.links.use("L1", USE, START + SECOND, START + SECOND - HOUR)
    assert again == first
    assert await store.links.use("L1", OTHER_USE, START + SECOND, START + SECOND - HOUR) is None


async def test_after_a_while_a_use_is_repeated_no_more(store):
    await added(store, max_uses=1)
    await store.links.use("L1", USE, START, START - HOUR)
    assert await store.links.use("L1", USE, START + HOUR, START) is None
    await store.links.add(replace(await store.links.find("L1"), id="L2", max_uses=2))
    used = await store.links.use("L2", USE, START + HOUR, START)
    assert (used.uses, used.last_use_time) == (2, START + HOUR)


async def test_a_link_that_has_ended_is_not_used(store):
    await added(store)
    await added(store, "L2", expire_time=START + SECOND)
    await store.links.revoke("L1", "acme", START)
    assert await store.links.use("L1", USE, START, LONG_AGO) is None
    assert await store.links.use("L2", USE, START + SECOND, LONG_AGO) is None
    assert await store.links.use("L3", USE, START, LONG_AGO) is None
    assert [(await store.links.find(id_)).uses for id_ in ("L1", "L2")] == [0, 0]


async def test_of_many_uses_at_once_as_many_count_as_are_left(store):
    await added(store, max_uses=3)
    uses = (store.links.use("L1", f"use{n}", START, LONG_AGO) for n in range(20))
    counted = [used.uses for used in await asyncio.gather(*uses) if used]
    assert sorted(counted) == [1, 2, 3]


async def test_a_digest_is_replaced_if_it_is_the_one_before_and_no_sealed_token_needs_the_same_key(store):
    first = await added(store)
    await store.links.redigest("L1", b"another", b"new")
    assert await store.links.find("L1") == first
    for _ in range(2):
        await store.links.redigest("L1", first.digest, b"new")
    assert await store.links.find("L1") == replace(first, digest=b"new")
    of_a_mail = await added(store, "L2", delivery_id="msg_1", sealed_token=b"sealed")
    await store.links.redigest("L2", of_a_mail.digest, b"new")
    assert await store.links.find("L2") == of_a_mail


# ---- the end


async def test_a_link_is_revoked_once_by_its_own_tenant(store):
    await added(store)
    assert await store.links.revoke("L1", "other", START) is None
    assert (await store.links.find("L1")).revoke_time is None
    for later in (timedelta(), SECOND):
        assert (await store.links.revoke("L1", "acme", START + later)).revoke_time == START
    assert await store.links.revoke("L2", "acme", START) is None


async def test_a_sweep_removes_links_some_time_after_they_have_expired_a_few_at_a_time(store):
    for n in range(5):
        await added(store, f"L{n}", expire_time=START + n * SECOND)
    now = START + KEPT_AFTER_END + 3 * SECOND
    removed = [await store.retention.forget(now, 90 * DAY, 3) for _ in range(3)]
    assert removed == [3, 1, 0]
    assert [(await store.links.find(f"L{n}")) is not None for n in range(5)] == [False] * 4 + [True]


async def test_a_link_is_removed_together_with_its_export(store):
    export = await export_of(store)
    await store.links.add(link(export, expire_time=START + 365 * DAY))
    await store.exports.cancel("acme", export.id, START, only_if_queued=False)
    await store.exports.delete("acme", export.id, START)
    await store.retention.forget(START + 2 * DAY, 90 * DAY, 100)
    assert await store.links.find("L1") is None


# ---- links of mails


async def mailed(store):
    """A completed export whose mail is held: the export, and what is held."""
    export = await export_of(store, notify_email="anna@example.com")
    claimed = await lease(store)
    await store.leases.complete(claimed.ref, new_file(export.id), STATS, START + SECOND)
    now = START + 2 * SECOND
    return export, await store.outbox.hold(10, now + POLICY.ttl, now)


def for_mail(export, held, id_="M1", **more) -> DownloadLink:
    return link(export, id_, delivery_id=held.delivery.id, sealed_token=id_.encode(), **more)


async def test_a_mail_has_one_link_to_each_file_however_often_it_is_tried(store):
    export, (held,) = await mailed(store)
    first = await store.links.add_for_mail(for_mail(export, held))
    again = await store.links.add_for_mail(for_mail(export, held, "M2"))
    other = await store.links.add_for_mail(for_mail(export, held, "M3", file_id="attachments"))
    assert [each.id for each in (first, again, other)] == ["M1", "M1", "M3"]
    assert again.sealed_token == b"M1"
    assert [each.id for each in await store.links.page("acme", export.id, "", 9)] == ["M1", "M3"]


@pytest.mark.parametrize("way", ["sent", "give_up"])
async def test_the_tokens_of_a_mail_are_erased_when_it_ends(store, way):
    export, (held,) = await mailed(store)
    await store.links.add_for_mail(for_mail(export, held))
    await store.outbox.try_again(held, "busy", START + 3 * SECOND, START + 2 * SECOND)
    assert (await store.links.find("M1")).sealed_token == b"M1"
    (held,) = await store.outbox.hold(10, START + HOUR, START + 4 * SECOND)
    assert held.delivery.channel is Channel.EMAIL
    assert await getattr(store.outbox, way)(held, "250", START + 5 * SECOND)
    kept = await store.links.find("M1")
    assert (kept.sealed_token, kept.revoke_time) == (None, None)


async def test_a_mail_that_is_sent_once_more_has_another_link(store):
    export, (held,) = await mailed(store)
    await store.links.add_for_mail(for_mail(export, held))
    await store.outbox.sent(held, "250", START + 3 * SECOND)
    await store.outbox.redeliver("acme", held.delivery.id, START + 4 * SECOND)
    again = await store.links.add_for_mail(for_mail(export, held, "M2"))
    assert (again.id, (await store.links.find("M1")).sealed_token) == ("M2", None)
