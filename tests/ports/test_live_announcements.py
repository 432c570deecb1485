"""What is announced in one process is heard in another; a hint that is lost is looked for."""

import asyncio
from datetime import timedelta

import pytest

from services.api.ports.live import News
from services.contract.capabilities import Capabilities, Requirement
from services.contract.job import Directive, Hint
from services.contract.outcome import Phase, Progress
from tests.patience import PATIENCE_S
from tests.ports.driving import completed, leased, queued
from tests.ports.lives import ALIKE, ALL, Lives, until_it_is

SHOP = Requirement(frozenset({"rows/sql/shop"}))
CAN_SHOP, CAN_FLIGHTS = Capabilities(SHOP.needs), Capabilities(frozenset({"rows/csv/flights"}))
AT_TEN = Progress(Phase.WRITING, rows_written=10, rows_total=20, bytes_written=300, eta=timedelta(seconds=1.5))
AT_TWENTY = Progress(Phase.UPLOADING, rows_written=20)


@pytest.fixture(params=sorted(ALL))
async def lives(request):
    async with ALL[request.param](PATIENCE_S) as lives:
        yield lives


@pytest.fixture(params=sorted(ALIKE))
async def close(request):
    """Where hints arrive, and nobody looks."""
    async with ALIKE[request.param](PATIENCE_S) as lives:
        yield lives


async def news(watch) -> News:
    return await watch.wait(PATIENCE_S)


async def test_a_watcher_learns_of_a_change_that_was_made_in_another_process(lives: Lives) -> None:
    export = (await queued(lives.store)).export
    with lives.there.announcements.watch(export.id) as watch:
        claimed = (await lives.store.leases.claim("w", "poll", 1, lives.time()))[0]
        lives.here.announcements.exported(claimed.export)
        assert await news(watch) is News.CHANGE


async def test_a_watcher_learns_that_an_export_is_gone(lives: Lives) -> None:
    export = (await completed(lives.store)).export
    with lives.there.announcements.watch(export.id) as watch:
        await lives.store.exports.delete("acme", export.id, lives.time())
        lives.here.announcements.deleted(export.id)
        assert await news(watch) is News.CHANGE


async def test_progress_is_shown_in_any_process_and_wakes_those_who_watch(lives: Lives) -> None:
    export = (await leased(lives.store)).export
    with lives.there.announcements.watch(export.id) as watch:
        await until_it_is(lambda: _is_watched(lives, export.id))
        for at in (AT_TEN, AT_TWENTY):
            lives.here.announcements.progressed(export.id, at)
            assert await news(watch) in {News.PROGRESS, News.CHANGE}  # the first look says that it may be anything
            await until_it_is(lambda at=at: _progress_is(lives, export.id, at))
            lives.time.goes_on(timedelta(seconds=1))


async def _is_watched(lives: Lives, export_id: str) -> bool:
    return export_id in await lives.here.announcements.watched([export_id])


async def _progress_is(lives: Lives, export_id: str, progress: Progress) -> bool:
    shown = [await live.announcements.progress([export_id, "other"]) for live in (lives.here, lives.there)]
    return shown == [{export_id: progress}] * 2


async def test_what_an_earlier_attempt_reported_is_not_shown_of_the_next(lives: Lives) -> None:
    driven = await leased(lives.store)
    lives.here.announcements.progressed(driven.export.id, AT_TEN)
    await until_it_is(lambda: _progress_is(lives, driven.export.id, AT_TEN))
    (released,) = await lives.store.leases.release([driven.lease], driven.now)
    lives.here.announcements.exported(released)
    (claimed,) = await lives.store.leases.claim("w", "again", 1, driven.now)
    lives.here.announcements.exported(claimed.export)
    for live in (lives.here, lives.there):
        assert await live.announcements.progress([driven.export.id]) == {}


async def test_an_export_is_watched_exactly_while_somebody_watches_anywhere(lives: Lives) -> None:
    assert await lives.here.announcements.watched([]) == frozenset()
    with lives.there.announcements.watch("e"), lives.there.announcements.watch("e"):
        await until_it_is(lambda: _is_watched(lives, "e"))
        assert await lives.here.announcements.watched(["e", "f"]) == {"e"}
    await until_it_is(lambda: _is_not_watched(lives, "e"))


async def _is_not_watched(lives: Lives, export_id: str) -> bool:
    return not await _is_watched(lives, export_id)


async def test_who_is_told_to_report_finds_that_somebody_watches(close: Lives) -> None:
    with close.here.announcements.directives() as hints, close.there.announcements.watch("e"):
        close.there.announcements.direct(Hint.PROGRESS_WANTED)
        async with asyncio.timeout(PATIENCE_S):
            assert await hints.get() == Directive(Hint.PROGRESS_WANTED)
        assert await close.here.announcements.watched(["e"]) == {"e"}


async def test_work_that_is_made_here_wakes_one_that_waits_there(lives: Lives) -> None:
    with lives.there.announcements.poll("w", CAN_SHOP) as poll:
        lives.here.announcements.work(SHOP)
        await poll.wait(PATIENCE_S)
        assert poll.woken


async def test_each_job_wakes_one_poll_whose_worker_can_do_it(close: Lives) -> None:
    polls = close.there.announcements
    with (
        polls.poll("w1", CAN_FLIGHTS) as unable,
        polls.poll("w2", CAN_SHOP) as first,
        polls.poll("w3", CAN_SHOP) as second,
        polls.poll("w4", CAN_SHOP) as third,
    ):
        for _ in range(2):
            close.here.announcements.work(SHOP, tenant="acme")
        await second.wait(PATIENCE_S)
        assert (unable.woken, first.woken, second.woken, third.woken) == (False, True, True, False)
        assert (first.wanted, first.tenant) == (SHOP, "acme")


async def test_work_wakes_a_poll_whose_worker_may_have_its_tenant(close: Lives) -> None:
    strange, own = (Capabilities(SHOP.needs, tenants=frozenset({tenant})) for tenant in ("zeta", "acme"))
    with close.there.announcements.poll("w1", strange) as unable, close.there.announcements.poll("w2", own) as able:
        close.here.announcements.work(SHOP, tenant="acme")
        await able.wait(PATIENCE_S)
        assert (unable.woken, able.woken) == (False, True)


async def test_what_a_worker_gave_back_wakes_that_one_only_where_there_is_no_other(close: Lives) -> None:
    with close.there.announcements.poll("w1", CAN_SHOP) as own, close.there.announcements.poll("w2", CAN_SHOP) as other:
        for woken in ((False, True), (True, True)):
            close.here.announcements.work(SHOP, kept_from="w1")
            await (own if woken[0] else other).wait(PATIENCE_S)
            assert (own.woken, other.woken) == woken


async def test_the_end_of_an_export_wakes_who_may_begin_another_where_tenants_have_caps(lives: Lives) -> None:
    lives.capped.append(True)
    export = (await completed(lives.store)).export
    with lives.there.announcements.poll("w", CAN_SHOP) as poll:
        lives.here.announcements.exported(export)
        await poll.wait(PATIENCE_S)
        assert poll.woken


async def test_every_poll_can_be_woken(close: Lives) -> None:
    with close.there.announcements.poll() as first, close.there.announcements.poll() as second:
        close.here.announcements.wake_polls()
        for poll in (first, second):
            await poll.wait(PATIENCE_S)
            assert poll.woken


async def test_a_hint_reaches_workers_of_every_process(close: Lives) -> None:
    with close.here.announcements.directives() as here, close.there.announcements.directives() as there:
        close.here.announcements.direct(Hint.CANCEL, "lease")
        async with asyncio.timeout(PATIENCE_S):
            assert await here.get() == await there.get() == Directive(Hint.CANCEL, "lease")


async def test_a_process_that_stops_ends_only_what_waits_in_it(close: Lives) -> None:
    with close.there.announcements.poll() as poll, close.there.announcements.directives() as hints:
        close.there.announcements.drain()
        assert close.there.announcements.draining
        assert poll.woken
        assert hints.get_nowait() == Directive(Hint.PING)
        assert close.here is close.there or not close.here.announcements.draining
