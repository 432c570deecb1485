from dataclasses import replace

import pytest

from services.api.live.announcements import LocalAnnouncements
from services.api.ports.live import News
from services.contract.capabilities import Capabilities, Requirement
from services.contract.job import Directive, Hint
from services.contract.outcome import Phase, Progress
from tests.ports.samples import new_export

SHOP = Requirement(frozenset({"rows/sql/shop"}))
CAN_SHOP, CAN_FLIGHTS = Capabilities(SHOP.needs), Capabilities(frozenset({"rows/csv/flights"}))
AT_TEN = Progress(Phase.WRITING, rows_written=10)
AT_TWENTY = Progress(Phase.WRITING, rows_written=20)


async def test_a_watch_is_woken_by_progress_without_calling_it_a_change() -> None:
    announcements = LocalAnnouncements()
    with announcements.watch("e") as watch:
        announcements.progressed("e", AT_TEN)
        assert await watch.wait(1) is News.PROGRESS
        assert await announcements.progress(["e", "of nobody"]) == {"e": AT_TEN}


async def test_what_comes_while_a_watcher_is_busy_becomes_one() -> None:
    announcements = LocalAnnouncements()
    with announcements.watch("e") as watch:
        announcements.progressed("e", AT_TEN)
        announcements.deleted("e")
        announcements.progressed("e", AT_TWENTY)
        assert await watch.wait(1) is News.CHANGE
        assert await watch.wait(0.01) is News.NONE  # nothing more came: this one times out


async def test_the_same_progress_again_wakes_nobody() -> None:
    announcements = LocalAnnouncements()
    announcements.progressed("e", AT_TEN)
    with announcements.watch("e") as watch:
        announcements.progressed("e", AT_TEN)
        assert await watch.wait(0.01) is News.NONE


async def test_an_export_is_watched_exactly_while_somebody_watches() -> None:
    announcements = LocalAnnouncements()
    with announcements.watch("e"), announcements.watch("e"):
        assert await announcements.watched(["e", "f"]) == {"e"}
    assert not await announcements.watched(["e", "f"])


async def test_one_job_wakes_the_poll_that_came_first_and_no_other() -> None:
    announcements = LocalAnnouncements()
    with announcements.poll() as first, announcements.poll() as second:
        announcements.work(SHOP)
        assert (first.woken, second.woken) == (True, False)


async def test_a_job_wakes_the_first_poll_whose_worker_can_do_it() -> None:
    announcements = LocalAnnouncements()
    with (
        announcements.poll("w1", CAN_FLIGHTS) as unable,
        announcements.poll("w2", CAN_SHOP) as able,
        announcements.poll("w3", CAN_SHOP) as behind,
    ):
        announcements.work(SHOP)
        assert (unable.woken, able.woken, behind.woken) == (False, True, False)
        assert able.wanted == SHOP


async def test_a_job_that_nobody_can_do_wakes_nobody() -> None:
    announcements = LocalAnnouncements()
    with announcements.poll("w1", CAN_FLIGHTS) as unable:
        announcements.work(SHOP)
        assert not unable.woken


async def test_what_a_worker_gave_back_wakes_another_and_that_worker_only_where_there_is_none() -> None:
    announcements = LocalAnnouncements()
    with announcements.poll("w1", CAN_SHOP) as first, announcements.poll("w2", CAN_SHOP) as second:
        for woken in ((False, True), (True, True)):
            announcements.work(SHOP, kept_from="w1")
            assert (first.woken, second.woken) == woken


async def test_work_of_which_nothing_is_known_wakes_the_first_poll_of_each_kind_of_worker() -> None:
    announcements = LocalAnnouncements()
    with (
        announcements.poll("w1", CAN_SHOP) as first,
        announcements.poll("w2", CAN_SHOP) as second,
        announcements.poll("w3", CAN_FLIGHTS) as other,
    ):
        announcements.work()
        assert (first.woken, second.woken, other.woken) == (True, False, True)


async def test_every_poll_can_be_woken() -> None:
    announcements = LocalAnnouncements()
    with announcements.poll() as first, announcements.poll() as second:
        announcements.wake_polls()
        assert first.woken
        assert second.woken


async def test_a_poll_that_left_is_out_of_line() -> None:
    announcements = LocalAnnouncements()
    with announcements.poll():
        pass
    with announcements.poll() as present:
        announcements.work()
        assert present.woken


async def test_hints_reach_every_worker_and_overflow_without_harm() -> None:
    announcements = LocalAnnouncements()
    with announcements.directives() as one, announcements.directives() as other:
        announcements.direct(Hint.CANCEL, "lease")
        assert one.get_nowait() == other.get_nowait() == Directive(Hint.CANCEL, "lease")
        for _ in range(5000):
            announcements.direct(Hint.PROGRESS_WANTED)
        assert one.full()


async def test_draining_wakes_everybody() -> None:
    announcements = LocalAnnouncements()
    with announcements.watch("e") as watch, announcements.poll() as poll, announcements.directives() as hints:
        announcements.drain()
        assert poll.woken
        assert await watch.wait(1) is News.PROGRESS
        assert hints.get_nowait() == Directive(Hint.PING)


async def test_a_change_is_seen_while_reports_are_held_back() -> None:
    announcements = LocalAnnouncements()
    with announcements.watch("e") as watch:
        announcements.progressed("e", AT_TEN)
        assert not await watch.changes_within(0.01)
        announcements.deleted("e")
        assert await watch.changes_within(1)
        assert await watch.wait(1) is News.CHANGE


async def test_a_watcher_gets_the_latest_change_that_was_announced_and_gets_it_once() -> None:
    announcements, export = LocalAnnouncements(), new_export()
    second, third = (replace(export, version=export.version + more) for more in (1, 2))
    with announcements.watch(export.id) as watch:
        for each in (second, third, second):
            announcements.exported(each)
        assert await watch.wait(1) is News.CHANGE
        assert watch.announced() == third
        assert watch.announced() is None


@pytest.mark.parametrize("unknown_last", [True, False])
async def test_a_watcher_must_look_after_a_change_of_which_only_the_id_is_known(*, unknown_last: bool) -> None:
    announcements, export = LocalAnnouncements(), new_export()
    both = [lambda: announcements.exported(export), lambda: announcements.deleted(export.id)]
    with announcements.watch(export.id) as watch:
        for announce in both if unknown_last else reversed(both):
            announce()
        assert watch.announced() is None
        announcements.exported(export)
        assert watch.announced() == export
