"""Callers that ask for exports at once each get their own, as it is now."""

import asyncio
import random
from dataclasses import replace

import pytest

from services.api.domain.notifications import Channel
from services.api.domain.states import State
from tests.ports.samples import SECOND, SPEC, START, STATS, new_export, new_file, new_id

TENANTS = {"acme": 12, "beta": 2, "gamma": 5}
"""How many exports each has: some more than are counted one by one."""


@pytest.fixture
async def made(store):
    """Exports by id, of several tenants and priorities."""
    new = [
        new_export(tenant=tenant, priority=number % 3) for tenant, count in TENANTS.items() for number in range(count)
    ]
    return {each.id: await store.exports.create(each, SPEC, None) for each in new}


def in_line(made, tenant):
    own = [each for each in made.values() if each.tenant == tenant and each.state is State.QUEUED]
    return [each.id for each in sorted(own, key=lambda each: (-each.priority, each.id))]


async def check_reads(store, made, gone, seed):
    """Ask for all by all tenants, and for those that are gone or were never there, twice and in any order."""
    ids = [*made, *gone, *(new_id() for _ in range(3))]
    wanted = [(tenant, id_) for tenant in (*TENANTS, "nobody") for id_ in ids] * 2
    random.Random(seed).shuffle(wanted)
    got = await asyncio.gather(*(store.exports.get(*each) for each in wanted))
    placed = await asyncio.gather(*(store.exports.placed(*each) for each in wanted))
    lines = {tenant: in_line(made, tenant) for tenant in TENANTS}
    for (tenant, id_), export, place in zip(wanted, got, placed, strict=True):
        own = made[id_] if id_ in made and made[id_].tenant == tenant else None
        assert export == own
        assert (place.export if place else None) == own
        if place:
            assert place.queue_position == (lines[tenant].index(id_) + 1 if id_ in lines[tenant] else 0)


async def test_each_caller_gets_its_own_export(store, made):
    gone = []
    for seed, tenant in enumerate(TENANTS):
        await check_reads(store, made, gone, seed)
        id_, deleted = in_line(made, tenant)[:2]
        made[id_], _ = await store.exports.cancel(tenant, id_, START + SECOND, only_if_queued=True)
        await store.exports.cancel(tenant, deleted, START + SECOND, only_if_queued=True)
        await store.exports.delete(tenant, deleted, START + SECOND)
        gone.append(made.pop(deleted).id)
    await check_reads(store, made, gone, len(TENANTS))


async def test_changes_are_seen_by_those_who_have_read_before(store, made):
    async def read():
        return await asyncio.gather(*(store.exports.get(each.tenant, each.id) for each in made.values()))

    before = await read()
    jobs = await store.leases.claim("worker", "poll", 4, START + SECOND)
    changed = {job.export.id: job.export for job in jobs}
    assert len(changed) == 4
    await store.leases.release([jobs[0].ref], START + SECOND)
    changed[jobs[0].export.id] = replace(
        before[[*made].index(jobs[0].export.id)], version=3, update_time=START + SECOND
    )
    assert await read() == [changed.get(id_, made[id_]) for id_ in made]


async def test_a_notification_that_was_sent_is_seen_though_the_version_stays(store):
    await store.exports.create(new_export(callback_url="https://x.test/", notify_email="a@x.test"), SPEC, None)
    (job,) = await store.leases.claim("worker", "poll", 1, START)
    done = await store.leases.complete(job.ref, new_file(job.export.id), STATS, START)

    async def read():
        return await asyncio.gather(*(store.exports.get("acme", done.id) for _ in range(2)))

    assert await read() == [done] * 2
    held = {each.delivery.channel: each for each in await store.outbox.hold(10, START + 60 * SECOND, START + SECOND)}
    await store.outbox.sent(held[Channel.EMAIL], "ok", START + SECOND)
    assert await read() == [replace(done, email_sent=True)] * 2
    await store.outbox.sent(held[Channel.CALLBACK], "ok", START + SECOND)
    assert await read() == [replace(done, email_sent=True, callback_sent=True)] * 2
