"""Several lanes work on tasks at the same time.

The items of tasks are returned in the order of the tasks, as soon as they are made. All threads are daemons, so that
they do not keep a process alive.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Generic, Protocol, TypeVar

Task = TypeVar("Task")
Task_contra = TypeVar("Task_contra", contravariant=True)
Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)


class Lane(Protocol[Task_contra, Item_co]):
    """Works on one task after the other."""

    def do(self, task: Task_contra) -> Iterable[Item_co]:
        """Yield the items of a task, in order."""
        ...

    def interrupt(self) -> None:
        """Make the running task end soon, whatever it waits for, because its items are not needed.

        Called from another thread; never waits.
        """
        ...


Opening = Callable[[], AbstractContextManager[Lane[Task, Item] | None]]
"""Opens a lane in its own thread; None when no lane is available."""


@contextmanager
def side_by_side(
    openings: Sequence[Opening[Task, Item]], tasks: Iterable[Task], max_size: int, size: Callable[[Item], int]
) -> Iterator[Iterator[Item]]:
    """Yield the items of all tasks.

    One lane is enough; another one that opens late, or not at all, helps as far as it can. A lane continues while its
    items that wait to be taken have a total `size` below `max_size`. An error of a task is raised in the task's place;
    an error of an opening is raised before the next task. Leaving the context interrupts working lanes and waits for
    them. A lane that is still being opened closes as soon as it is open.
    """
    shared = _Shared(tasks, max_size, size)
    for opening in openings:
        shared.begin(opening)
    try:
        yield shared.items()
    finally:
        shared.stop()


class _Stopped(Exception):
    """The items are no longer needed."""


class _Part(Generic[Item]):
    """The items of one task that wait to be taken."""

    def __init__(self, worker: "_Worker") -> None:
        self.worker = worker
        self.items: deque[Item] = deque()
        self.ended = False
        self.raised: BaseException | None = None


class _Worker:
    """The thread of a lane.

    `interrupt` is set while the lane works; `waiting` is the size of its items that wait to be taken.
    """

    def __init__(self) -> None:
        self.thread: threading.Thread
        self.interrupt: Callable[[], None] | None = None
        self.waiting = 0


class _Shared(Generic[Task, Item]):
    """The state that lanes and the consumer share, guarded by one lock."""

    def __init__(self, tasks: Iterable[Task], max_size: int, size: Callable[[Item], int]) -> None:
        self._tasks = iter(tasks)
        self._max_size = max_size
        self._size = size
        self._changed = threading.Condition()
        self._parts: deque[_Part[Item]] = deque()
        self._workers: list[_Worker] = []
        self._open = 0
        self._exhausted = False
        self._stopped = False
        self._failed: BaseException | None = None

    def begin(self, opening: Opening[Task, Item]) -> None:
        worker = _Worker()
        worker.thread = threading.Thread(target=self._run, args=(worker, opening), daemon=True, name="exportd-lane")
        self._workers.append(worker)
        self._open += 1
        worker.thread.start()

    def stop(self) -> None:
        """Interrupt the working lanes and wait until they have ended."""
        with self._changed:
            self._stopped = True
            at_work = [worker for worker in self._workers if worker.interrupt]
            for worker in at_work:
                if worker.interrupt:
                    worker.interrupt()
            self._changed.notify_all()
        for worker in at_work:
            worker.thread.join()

    # ---- the consumer's side

    def items(self) -> Iterator[Item]:
        while part := self._next_part():
            while taken := self._taken(part):
                yield taken.pop()

    def _next_part(self) -> _Part[Item] | None:
        """Return the next part that a lane has begun; None after the last one."""
        with self._changed:
            self._changed.wait_for(lambda: self._parts or self._failed or self._exhausted or not self._open)
            if self._failed:
                raise self._failed
            if self._parts:
                return self._parts.popleft()
            for task in self._tasks:
                raise RuntimeError(f"no lane for {task!r}")
            return None

    def _taken(self, part: _Part[Item]) -> list[Item]:
        """Return the part's next item in a list; an empty list after the last one."""
        with self._changed:
            self._changed.wait_for(lambda: part.items or part.ended)
            if part.items:
                item = part.items.popleft()
                part.worker.waiting -= self._size(item)
                self._changed.notify_all()
                return [item]
            if part.raised:
                raise part.raised
            return []

    # ---- the lanes' side

    def _run(self, worker: _Worker, opening: Opening[Task, Item]) -> None:
        try:
            with opening() as lane:
                if lane:
                    self._work(worker, lane)
        except BaseException as raised:  # noqa: BLE001 - raised by the consumer
            self._failed = self._failed or raised
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def _work(self, worker: _Worker, lane: Lane[Task, Item]) -> None:
        with self._changed:
            worker.interrupt = lane.interrupt
        try:
            while begun := self._begun(worker):
                self._do(*begun, lane)
        finally:
            with self._changed:
                worker.interrupt = None

    def _begun(self, worker: _Worker) -> tuple[Task, _Part[Item]] | None:
        """Return the next task and the part for its items; None when there is no task, or the items are not needed."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or worker.waiting < self._max_size)
            if self._stopped:
                return None
            for task in self._tasks:
                part: _Part[Item] = _Part(worker)
                self._parts.append(part)
                self._changed.notify_all()
                return task, part
            self._exhausted = True  # a lane that is still being opened is not needed
            self._changed.notify_all()
            return None

    def _do(self, task: Task, part: _Part[Item], lane: Lane[Task, Item]) -> None:
        try:
            for item in lane.do(task):
                self._put(item, part)
        except BaseException as raised:  # noqa: BLE001 - raised by the consumer
            part.raised = raised
            self._tasks = iter(())  # later tasks are not needed
        finally:
            with self._changed:
                part.ended = True
                self._changed.notify_all()

    def _put(self, item: Item, part: _Part[Item]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or part.worker.waiting < self._max_size)
            if self._stopped:
                raise _Stopped
            part.items.append(item)
            part.worker.waiting += self._size(item)
            self._changed.notify_all()
