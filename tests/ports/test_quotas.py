"""What may be relied on of quotas in any store."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from services.api.domain.quotas import UNLIMITED_QUOTAS, Quota, Quotas
from services.api.ports.exports import RequestMark
from services.contract.errors import QuotaExceeded
from tests.ports.driving import WORKER
from tests.ports.samples import SECOND, SPEC, START, STATS, new_attachments, new_export, new_file

MINUTE = timedelta(minutes=1)
MARK = RequestMark("r1", b"body")


async def create(store, quotas: Quotas = UNLIMITED_QUOTAS, mark: RequestMark | None = None, now=START, **fields):
    export = new_export(create_time=now, update_time=now, **fields)
    return await store.exports.create(export, SPEC, mark, None, quotas)


async def used(store, quota: Quota, tenant: str = "acme", now=START) -> int:
    return (await store.usage.usage(tenant, now))[quota]


async def test_no_more_wait_than_may_and_one_that_begins_makes_room(store):
    quotas = Quotas(waiting=2)
    for _ in range(2):
        await create(store, quotas)
    with pytest.raises(QuotaExceeded) as refused:
        await create(store, quotas)
    assert (refused.value.quota, refused.value.used, refused.value.limit) == ("waiting", 2, 2)
    await create(store, quotas, tenant="other")
    assert await used(store, Quota.WAITING) == 2
    await store.leases.claim(WORKER, "p1", 1, START)
    assert (await used(store, Quota.WAITING), await used(store, Quota.RUNNING)) == (1, 1)
    await create(store, quotas)


async def test_of_many_at_once_as_many_are_created_as_may_wait(store):
    quotas = Quotas(waiting=7)
    made = await asyncio.gather(*(create(store, quotas) for _ in range(30)), return_exceptions=True)
    refused = [each for each in made if isinstance(each, QuotaExceeded)]
    assert (len(refused), await used(store, Quota.WAITING)) == (23, 7)


@pytest.mark.parametrize(
    ("quotas", "quota", "length"),
    [
        (Quotas(creates_a_minute=3), Quota.CREATES, MINUTE),
        (Quotas(notifications_a_day=3), Quota.NOTIFICATIONS, timedelta(days=1)),
    ],
)
async def test_a_window_counts_up_to_the_limit_and_begins_anew(store, quotas, quota, length):
    told = {"notify_email": "a@x.test"} if quota is Quota.NOTIFICATIONS else {}
    made = await asyncio.gather(*(create(store, quotas, **told) for _ in range(9)), return_exceptions=True)
    refused = [each for each in made if isinstance(each, QuotaExceeded)]
    assert (len(refused), await used(store, quota)) == (6, 3)
    assert {(each.quota, each.used, each.limit) for each in refused} == {(quota.value, 3, 3)}
    assert 0 < refused[0].wait_s <= length.total_seconds() + 1
    later = START + refused[0].wait_s * SECOND
    assert await used(store, quota, now=later) == 0
    await create(store, quotas, now=later, **told)
    assert await used(store, quota, now=later) == 1


async def test_a_clock_that_is_behind_counts_in_the_window_that_is_there(store):
    quotas = Quotas(creates_a_minute=2)
    await create(store, quotas, now=START + MINUTE)
    await create(store, quotas, now=START)
    with pytest.raises(QuotaExceeded):
        await create(store, quotas, now=START + MINUTE)


async def test_what_is_refused_has_counted_nothing_and_its_request_id_is_free(store):
    """A second quota refuses what the first one has counted."""
    both = Quotas(creates_a_minute=5, notifications_a_day=1)
    told = {"notify_email": "a@x.test", "callback_url": "https://x.test/"}
    with pytest.raises(QuotaExceeded) as refused:
        await create(store, both, MARK, **told)
    assert (refused.value.quota, refused.value.used) == ("notifications_a_day", 0)
    assert await used(store, Quota.CREATES) == 0
    assert await store.exports.made_by("acme", MARK, START) is None
    assert await create(store, both, MARK)
    assert await used(store, Quota.CREATES) == 1


async def test_of_many_at_once_with_request_ids_the_refused_ones_keep_theirs_free(store):
    quotas = Quotas(waiting=3)
    marks = [RequestMark(f"r{n}", b"body") for n in range(12)]
    made = await asyncio.gather(*(create(store, quotas, mark) for mark in marks), return_exceptions=True)
    refused = [mark for mark, each in zip(marks, made, strict=True) if isinstance(each, QuotaExceeded)]
    assert len(refused) == len(marks) - 3
    assert [await store.exports.made_by("acme", mark, START) for mark in refused] == [None] * len(refused)
    assert await used(store, Quota.WAITING) == 3


async def test_a_repeated_request_counts_once_even_when_everything_is_used_up(store):
    quotas = Quotas(waiting=1, creates_a_minute=1)
    made = await asyncio.gather(*(create(store, quotas, MARK) for _ in range(5)))
    assert len({each.id for each in made}) == 1
    assert (await create(store, quotas, MARK)).id == made[0].id
    assert (await used(store, Quota.CREATES), await used(store, Quota.WAITING)) == (1, 1)


async def test_files_count_until_they_expire_or_are_deleted(store):
    exports = [await create(store) for _ in range(3)]
    for job in await store.leases.claim(WORKER, "p1", 3, START):
        await store.leases.renew(WORKER, [job.ref], START)
        file = new_file(job.export.id)
        beside = new_attachments(file) if job.export.id == exports[0].id else None
        await store.leases.complete(job.ref, file, STATS, START, attachments=beside)
    size = file.artifact.size_bytes
    assert await store.usage.kept_bytes("acme", START) == 4 * size
    assert await store.usage.kept_bytes("other", START) == 0
    await store.exports.delete("acme", exports[0].id, START)
    assert await store.usage.kept_bytes("acme", START) == 2 * size
    assert await used(store, Quota.KEPT_BYTES, now=file.expire_time) == 0


async def test_a_single_count_is_refused_at_its_limit(store):
    for _ in range(2):
        await store.usage.take("acme", Quota.PREVIEWS, 2, START)
    with pytest.raises(QuotaExceeded):
        await store.usage.take("acme", Quota.PREVIEWS, 2, START)
    await store.usage.take("other", Quota.PREVIEWS, 2, START)
    assert [await used(store, Quota.PREVIEWS, tenant) for tenant in ("acme", "other", "third")] == [2, 1, 0]


async def test_old_windows_are_swept_and_counts_of_now_stay(store):
    await create(store, Quotas(creates_a_minute=9))
    late = START + timedelta(days=3)
    await store.usage.take("other", Quota.PREVIEWS, 2, late)
    await store.retention.forget(late, timedelta(days=90), 100)
    assert await used(store, Quota.PREVIEWS, "other", late) == 1
    assert await used(store, Quota.CREATES) == 0


def test_limits_are_those_of_the_quotas_by_name():
    quotas = replace(Quotas(), waiting=1, kept_bytes=2, creates_a_minute=3, previews_a_minute=4, notifications_a_day=5)
    assert [replace(quotas, links=6).limit(quota) for quota in Quota] == [1, 0, 2, 3, 4, 5, 6]
