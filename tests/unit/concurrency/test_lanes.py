"""Tasks side by side: their order, what waits, lanes that come late or not at all, what goes wrong, who stops."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import pytest

from services.worker.concurrency.lanes import side_by_side
from tests.patience import PATIENCE_S


class Lane:
    """Gives `(task, n)` for n below `items`; `before` is called before each."""

    def __init__(self, items: int, before: Callable[[int, int], object] = lambda *_: None) -> None:
        self._items = items
        self._before = before
        self.interrupted = threading.Event()
        self.tasks: list[int] = []

    def do(self, task: int) -> Iterator[tuple[int, int]]:
        self.tasks.append(task)
        for n in range(self._items):
            self._before(task, n)
            yield task, n

    def interrupt(self) -> None:
        self.interrupted.set()


def opening(lane: Lane | None) -> Callable[[], AbstractContextManager[Lane | None]]:
    return lambda: nullcontext(lane)


def everything(tasks: int, items: int) -> list[tuple[int, int]]:
    return [(task, n) for task in range(tasks) for n in range(items)]


def test_items_come_in_the_order_of_the_tasks_whoever_does_them() -> None:
    together = threading.Barrier(2)

    def meet(task: int, n: int) -> None:
        if n == 0 and task < 2:
            together.wait(PATIENCE_S)  # the first two tasks are begun by both, at the same time

    lanes = [Lane(5, meet), Lane(5, meet)]
    with side_by_side([opening(lane) for lane in lanes], range(20), 1_000, lambda _: 1) as items:
        assert list(items) == everything(20, 5)
    assert all(lane.tasks for lane in lanes)
    assert sorted(lanes[0].tasks + lanes[1].tasks) == list(range(20))


def test_what_waits_is_bounded_for_each_lane() -> None:
    held, second = threading.Event(), Lane(100)
    first = Lane(1, lambda *_: held.wait(PATIENCE_S))
    made: list[int] = []

    def count(task: int, n: int) -> None:
        made.append(n)
        if len(made) == 5:  # four wait, this one is refused until some are taken
            held.set()

    second = Lane(100, count)
    with side_by_side([opening(first), late(second, first)], range(2), 4, lambda _: 1) as items:
        assert next(items) == (0, 0)
        assert len(made) == 5
        assert [*items] == [(1, n) for n in range(100)]


def late(lane: Lane, behind: Lane) -> Callable[[], AbstractContextManager[Lane]]:
    """One that opens once another has begun."""

    @contextmanager
    def opened() -> Iterator[Lane]:
        while not behind.tasks:
            pass
        yield lane

    return opened


def test_one_lane_is_enough() -> None:
    opened, done = threading.Event(), threading.Event()
    closed: list[Lane] = []
    told: list[bool] = []

    @contextmanager
    def too_late() -> Iterator[Lane]:
        told.append(done.wait(PATIENCE_S))
        lane = Lane(1)
        yield lane
        closed.append(lane)
        opened.set()

    with side_by_side([opening(Lane(3)), opening(None), too_late], range(4), 100, lambda _: 1) as items:
        assert list(items) == everything(4, 3)
    done.set()  # nobody waited for it
    assert opened.wait(PATIENCE_S)
    assert closed[0].tasks == []
    assert told == [True]


def test_what_a_task_raises_comes_in_its_place() -> None:
    def fail(task: int, n: int) -> None:
        if (task, n) == (1, 1):
            raise OSError("lost")

    lanes = [opening(Lane(2, fail)), opening(Lane(2, fail))]
    with side_by_side(lanes, range(50), 100, lambda _: 1) as items:
        got = [next(items) for _ in range(3)]
        with pytest.raises(OSError, match="lost"):
            next(items)
    assert got == [(0, 0), (0, 1), (1, 0)]


def test_what_an_opening_raises_is_not_lost() -> None:
    @contextmanager
    def broken() -> Iterator[None]:
        raise OSError("no lane")
        yield

    with pytest.raises(OSError, match="no lane"), side_by_side([broken], range(3), 1, lambda _: 1) as items:
        list(items)
    with pytest.raises(RuntimeError), side_by_side([opening(None)], range(3), 1, lambda _: 1) as items:
        list(items)


def test_who_stops_interrupts_those_at_work_and_waits_for_them() -> None:
    waiting = threading.Event()
    left: list[int] = []

    def wait(task: int, n: int) -> None:
        if task == 1:
            waiting.set()
            assert second.interrupted.wait(PATIENCE_S)
            left.append(task)

    first, second = Lane(1), Lane(1, wait)
    first = Lane(1, lambda task, _: task or waiting.wait(PATIENCE_S))
    with side_by_side([opening(first), late(second, first)], range(2), 100, lambda _: 1) as items:
        assert next(items) == (0, 0)
    assert left == [1]
