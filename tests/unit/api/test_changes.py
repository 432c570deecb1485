from services.api.live.announcements import Changes, News
from services.contract.job import Directive, Hint
from services.contract.outcome import Phase, Progress

AT_TEN = Progress(Phase.WRITING, rows_written=10)
AT_TWENTY = Progress(Phase.WRITING, rows_written=20)


async def test_a_watch_is_woken_by_progress_without_calling_it_a_change() -> None:
    changes = Changes()
    with changes.watch("e") as watch:
        changes.progressed("e", AT_TEN)
        assert await watch.wait(1) is News.PROGRESS
        assert changes.progress("e") == AT_TEN


async def test_what_comes_while_a_watcher_is_busy_becomes_one() -> None:
    changes = Changes()
    with changes.watch("e") as watch:
        changes.progressed("e", AT_TEN)
        changes.deleted("e")
        changes.progressed("e", AT_TWENTY)
        assert await watch.wait(1) is News.CHANGE
        assert await watch.wait(0.01) is News.NONE  # nothing more came: this one times out


async def test_the_same_progress_again_wakes_nobody() -> None:
    changes = Changes()
    changes.progressed("e", AT_TEN)
    with changes.watch("e") as watch:
        changes.progressed("e", AT_TEN)
        assert await watch.wait(0.01) is News.NONE


async def test_an_export_is_watched_exactly_while_somebody_watches() -> None:
    changes = Changes()
    with changes.watch("e"), changes.watch("e"):
        assert changes.watched("e")
    assert not changes.watched("e")


async def test_one_job_wakes_the_poll_that_came_first_and_no_other() -> None:
    changes = Changes()
    with changes.poll() as first, changes.poll() as second:
        changes.work(1)
        assert (first.woken, second.woken) == (True, False)


async def test_many_jobs_wake_every_poll() -> None:
    changes = Changes()
    with changes.poll() as first, changes.poll() as second:
        changes.work(1000)
        assert first.woken
        assert second.woken


async def test_a_poll_that_left_is_out_of_line() -> None:
    changes = Changes()
    with changes.poll():
        pass
    with changes.poll() as present:
        changes.work(1)
        assert present.woken


async def test_hints_reach_every_worker_and_overflow_without_harm() -> None:
    changes = Changes()
    with changes.directives() as one, changes.directives() as other:
        changes.direct(Hint.CANCEL, "lease")
        assert one.get_nowait() == other.get_nowait() == Directive(Hint.CANCEL, "lease")
        for _ in range(5000):
            changes.direct(Hint.PROGRESS_WANTED)
        assert one.full()


async def test_draining_wakes_everybody() -> None:
    changes = Changes()
    with changes.watch("e") as watch, changes.poll() as poll, changes.directives() as hints:
        changes.drain()
        assert poll.woken
        assert await watch.wait(1) is News.PROGRESS
        assert hints.get_nowait() == Directive(Hint.PING)


async def test_a_change_is_seen_while_reports_are_held_back() -> None:
    changes = Changes()
    with changes.watch("e") as watch:
        changes.progressed("e", AT_TEN)
        assert not await watch.changes_within(0.01)
        changes.deleted("e")
        assert await watch.changes_within(1)
        assert await watch.wait(1) is News.CHANGE
