"""What callers may rely on."""

import asyncio
from datetime import timedelta

import pytest

from services.api.domain.states import State
from services.api.ports.exports import ExportFilter, ExportPage, RequestMark
from services.contract.errors import ExportDeleted, ExportNotFound, IllegalTransition, NotQueued, RequestIdReused
from tests.ports.driving import WORKER, cancelled, completed, expired, failed, leased, queued
from tests.ports.samples import SECOND, SPEC, START, new_export

MARK = RequestMark("order-66", b"digest")


# ---- creating


async def test_what_was_created_is_read_back_unchanged(store):
    export = new_export()
    assert await store.exports.create(export, SPEC, None) == export
    assert await store.exports.get("acme", export.id) == export


async def test_another_tenants_export_is_not_there(store):
    driven = await completed(store)
    assert await store.exports.get("other", driven.export.id) is None
    assert await store.exports.get_by_file("other", driven.export.file.id) is None
    assert await store.exports.page("other", ExportFilter(), "", 50) == ExportPage(())
    with pytest.raises(ExportNotFound):
        await store.exports.cancel("other", driven.export.id, START, only_if_queued=False)
    with pytest.raises(ExportNotFound):
        await store.exports.delete("other", driven.export.id, START)


async def test_fault_20_fifty_parallel_creates_with_one_request_id_make_one_export(store):
    made = await asyncio.gather(*(store.exports.create(new_export(), SPEC, MARK) for _ in range(50)))
    assert len({export.id for export in made}) == 1
    assert len((await store.exports.page("acme", ExportFilter(), "", 100)).exports) == 1


async def test_a_repeated_create_returns_the_export_as_it_is_now(store):
    first = await store.exports.create(new_export(), SPEC, MARK)
    now_cancelled, _ = await store.exports.cancel("acme", first.id, START, only_if_queued=False)
    assert await store.exports.create(new_export(), SPEC, MARK) == now_cancelled


async def test_a_request_id_stands_for_one_body_within_its_tenant(store):
    first = await store.exports.create(new_export(), SPEC, MARK)
    with pytest.raises(RequestIdReused):
        await store.exports.create(new_export(), SPEC, RequestMark(MARK.request_id, b"another"))
    other = await store.exports.create(new_export(tenant="other"), SPEC, RequestMark(MARK.request_id, b"another"))
    assert other.id != first.id


async def test_a_request_id_is_free_again_after_a_day(store):
    day = timedelta(hours=24)
    first = await store.exports.create(new_export(), SPEC, MARK)
    within = new_export(create_time=START + day - SECOND)
    assert (await store.exports.create(within, SPEC, MARK)).id == first.id
    later = new_export(create_time=START + day)
    assert (await store.exports.create(later, SPEC, RequestMark(MARK.request_id, b"another"))).id == later.id


async def test_a_create_whose_export_was_deleted_says_so(store):
    first = await store.exports.create(new_export(), SPEC, MARK)
    await store.exports.cancel("acme", first.id, START, only_if_queued=False)
    await store.exports.delete("acme", first.id, START)
    with pytest.raises(ExportDeleted):
        await store.exports.create(new_export(), SPEC, MARK)


async def test_a_request_id_that_nobody_used_has_made_nothing(store):
    assert await store.exports.made_by("acme", MARK, START) is None


async def test_what_a_request_id_made_is_found_as_it_is_now_by_the_same_request_alone(store):
    first = await store.exports.create(new_export(), SPEC, MARK)
    assert await store.exports.made_by("acme", MARK, START) == first
    now_cancelled, _ = await store.exports.cancel("acme", first.id, START, only_if_queued=False)
    assert await store.exports.made_by("acme", MARK, START) == now_cancelled
    assert await store.exports.made_by("other", MARK, START) is None
    with pytest.raises(RequestIdReused):
        await store.exports.made_by("acme", RequestMark(MARK.request_id, b"another"), START)
    await store.exports.delete("acme", first.id, START)
    with pytest.raises(ExportDeleted):
        await store.exports.made_by("acme", MARK, START)


async def test_what_a_request_id_made_is_forgotten_after_a_day(store):
    day = timedelta(hours=24)
    first = await store.exports.create(new_export(), SPEC, MARK)
    assert await store.exports.made_by("acme", MARK, START + day - SECOND) == first
    assert await store.exports.made_by("acme", RequestMark(MARK.request_id, b"another"), START + day) is None


# ---- cancelling


async def test_cancelling_tells_which_lease_was_in_force(store):
    driven = await leased(store)
    export, lease_id = await store.exports.cancel("acme", driven.export.id, START + SECOND, only_if_queued=False)
    assert (export.state, export.end_time, export.duration) == (State.CANCELLED, START + SECOND, SECOND)
    assert lease_id == driven.lease.lease_id


async def test_cancelling_tells_of_an_expired_lease_too_since_its_worker_may_live(store):
    driven = await expired(store)
    _, lease_id = await store.exports.cancel("acme", driven.export.id, driven.now, only_if_queued=False)
    assert lease_id == driven.lease.lease_id


@pytest.mark.parametrize("way", [queued, failed])
async def test_without_a_lease_there_is_nobody_to_tell(store, way):
    driven = await way(store)
    export, lease_id = await store.exports.cancel("acme", driven.export.id, START, only_if_queued=False)
    assert (export.state, lease_id) == (State.CANCELLED, "")
    assert await store.leases.claim("worker-2", "poll-2", 1, START + timedelta(days=1)) == []


async def test_cancelling_again_changes_nothing(store):
    driven = await cancelled(store)
    again = await store.exports.cancel("acme", driven.export.id, START + SECOND, only_if_queued=True)
    assert again == (driven.export, "")


async def test_what_is_completed_cannot_be_cancelled(store):
    driven = await completed(store)
    for only_if_queued in (False, True):
        with pytest.raises(IllegalTransition):
            await store.exports.cancel("acme", driven.export.id, START, only_if_queued=only_if_queued)


@pytest.mark.parametrize("way", [leased, failed, expired])
async def test_only_if_queued_spares_what_was_picked_up(store, way):
    driven = await way(store)
    with pytest.raises(NotQueued):
        await store.exports.cancel("acme", driven.export.id, START, only_if_queued=True)


async def test_only_if_queued_cancels_what_waits(store):
    driven = await queued(store)
    export, _ = await store.exports.cancel("acme", driven.export.id, START, only_if_queued=True)
    assert export.state is State.CANCELLED


# ---- deleting


@pytest.mark.parametrize("way", [completed, cancelled])
async def test_a_deleted_export_is_gone_for_its_callers_and_deleting_again_is_fine(store, way):
    driven = await way(store)
    export_id = driven.export.id
    deleted = await store.exports.delete("acme", export_id, START + SECOND)
    assert (deleted.id, deleted.file, deleted.version) == (export_id, driven.export.file, driven.export.version + 1)
    assert await store.exports.delete("acme", export_id, START) is None
    assert await store.exports.get("acme", export_id) is None
    assert await store.exports.page("acme", ExportFilter(), "", 50) == ExportPage(())
    if driven.export.file:
        assert await store.exports.get_by_file("acme", driven.export.file.id) is None
    with pytest.raises(ExportNotFound):
        await store.exports.cancel("acme", export_id, START, only_if_queued=False)


@pytest.mark.parametrize("way", [queued, leased, failed])
async def test_what_is_not_done_cannot_be_deleted(store, way):
    driven = await way(store)
    with pytest.raises(IllegalTransition):
        await store.exports.delete("acme", driven.export.id, START)


# ---- lists


async def test_pages_follow_each_other_newest_first_while_new_exports_come(store):
    made = [(await queued(store)).export.id for _ in range(5)]
    first = await store.exports.page("acme", ExportFilter(), "", 2)
    await queued(store)
    second = await store.exports.page("acme", ExportFilter(), first.next_before, 2)
    third = await store.exports.page("acme", ExportFilter(), second.next_before, 2)
    assert [e.id for page in (first, second, third) for e in page.exports] == made[::-1]
    assert third.next_before == ""


async def test_lists_are_filtered_by_all_that_is_wanted(store):
    name = 'a.b"$[0]'
    wanted = new_export(labels={name: "1' or 1=1", "team": "tax"}, type="Payments", create_time=START + SECOND)
    await completed(store)
    await store.exports.create(wanted, SPEC, None)

    async def found(**conditions):
        return [e.id for e in (await store.exports.page("acme", ExportFilter(**conditions), "", 50)).exports]

    assert await found(labels=wanted.labels) == [wanted.id]
    assert await found(labels={name: "1"}) == []
    assert await found(type="Payments") == [wanted.id]
    assert await found(states=frozenset({State.QUEUED, State.FAILED})) == [wanted.id]
    assert await found(created_after=START + SECOND) == [wanted.id]
    assert wanted.id not in await found(created_before=START + SECOND)
    assert await found(type="Payments", states=frozenset({State.COMPLETED})) == []
    assert len(await found(labels={"team": "tax"})) == 2


async def test_the_place_in_the_queue_counts_the_tenants_own_waiting_exports(store):
    await leased(store)
    await store.exports.create(new_export(tenant="other"), SPEC, None)
    first, second = (await queued(store)).export, (await queued(store)).export
    assert await store.exports.queue_position(first) == 1
    assert await store.exports.queue_position(second) == 2


async def test_the_place_in_the_queue_is_a_thousand_at_most(store):
    await asyncio.gather(*(store.exports.create(new_export(), SPEC, None) for _ in range(1005)))
    assert await store.exports.queue_position(new_export()) == 1000


async def test_the_latest_change_is_known(store):
    assert await store.figures.latest() is None
    first = await store.exports.create(new_export(), SPEC, None)
    assert await store.figures.latest() == first.create_time
    await store.exports.cancel("acme", first.id, START + SECOND, only_if_queued=False)
    assert await store.figures.latest() == START + SECOND


async def test_what_runs_is_listed_for_all_tenants_in_pages_with_its_worker(store):
    first = (await leased(store)).export
    await completed(store)
    await failed(store)
    await queued(store)
    other = await store.exports.create(new_export(tenant="other"), SPEC, None)
    await store.leases.claim(WORKER, "poll of it", 10, START)
    listed = await store.figures.running_exports("", "", 10)
    ids = [each.export.id for each in listed]
    assert ids == sorted(ids)
    assert {first.id, other.id} <= {*ids}
    assert all(each.export.state is State.PROCESSING and each.worker_id == WORKER for each in listed)
    assert {each.export.tenant for each in listed} == {"acme", "other"}
    pages = [await store.figures.running_exports("", after, 1) for after in ("", *ids)]
    assert [each.export.id for page in pages for each in page] == ids
    assert [each.export.id for each in await store.figures.running_exports("other", "", 10)] == [other.id]


async def test_depth_counts_what_is_not_done_and_the_longest_wait(store):
    assert (await store.figures.depth(START)).oldest == timedelta()
    await failed(store)
    await completed(store)
    await leased(store)
    await queued(store)
    depth = await store.figures.depth(START + timedelta(seconds=7))
    assert depth.counts == {State.QUEUED: 1, State.PROCESSING: 1, State.FAILED: 1}
    assert depth.oldest == timedelta(seconds=7)
