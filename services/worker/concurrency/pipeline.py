"""Steps of a job that go on at the same time: each in a thread of its own, in order, with little in between.

Threads here are daemons: none keeps a process alive. What fails in one of them is raised once, in the caller's.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Generic, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

LULL_S = 0.1
"""A taker that has waited so long for an item is idle."""


def _nothing() -> None:
    """What an idle taker does, and an iterator that can't be closed."""


@contextmanager
def ahead(
    items: Iterable[T], most: int, size: Callable[[T], int], idle: Callable[[], None] = _nothing
) -> Iterator[Iterator[T]]:
    """The items, made in another thread while those before them are in use.

    Another one is made as long as those that wait have a `size` of less than `most` in all. What making one raises
    comes out where it would have been taken. `idle` is called every LULL_S that the taker waits for one. Leaving the
    context ends the thread, as soon as the item that it is making is made, and closes an iterator that can be closed.
    """
    producer = _Producer(items, most, size)
    try:
        yield producer.taken(idle)
    finally:
        producer.stop()


class _Producer(Generic[T]):
    def __init__(self, items: Iterable[T], most: int, size: Callable[[T], int]) -> None:
        self._source = items
        self._most = most
        self._size = size
        self._made: SimpleQueue[tuple[T] | BaseException | None] = SimpleQueue()
        self._waiting = 0
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True, name="exportd-ahead")
        self._thread.start()

    def taken(self, idle: Callable[[], None]) -> Iterator[T]:
        while (found := self._next(idle)) is not None:
            if isinstance(found, BaseException):
                raise found
            item = found[0]
            del found  # the only reference from here on is the taker's: an item may be large
            self._count(-self._size(item))
            yield item
            del item

    def _next(self, idle: Callable[[], None]) -> tuple[T] | BaseException | None:
        while True:
            try:
                return self._made.get(timeout=LULL_S)
            except Empty:
                idle()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._make()
            self._made.put(None)
        except BaseException as raised:  # noqa: BLE001 - it belongs to whoever takes
            self._made.put(raised)

    def _make(self) -> None:
        items = iter(self._source)
        try:
            while self._is_wanted():
                item = next(items)
                self._count(self._size(item))
                self._made.put((item,))
                del item
        except StopIteration:
            return
        finally:
            getattr(items, "close", _nothing)()

    def _is_wanted(self) -> bool:
        """Waits until there is room for one more, or no need for any."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._waiting < self._most)
            return not self._stopped

    def _count(self, size: int) -> None:
        with self._changed:
            self._waiting += size
            self._changed.notify()


class Behind(Generic[T]):
    """Hands items to `work` in another thread, in order; at most `most` (1 or more) of them wait or are worked on.

    What `work` raises comes out once, of `put` or `end`; items after it are dropped. `end` and `abandon` end the
    thread.
    """

    def __init__(self, work: Callable[[T], object], most: int) -> None:
        self._work = work
        self._room = threading.Semaphore(most)
        self._items: SimpleQueue[tuple[T] | None] = SimpleQueue()
        self._dropping = False
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="exportd-behind")
        self._thread.start()

    def put(self, item: T) -> None:
        """Leave an item for the thread; waits while there is no room."""
        self._room.acquire()
        if self._failed is not None:
            self._room.release()
            self._raise()
        self._items.put((item,))

    def end(self) -> None:
        """Wait until everything is done."""
        self._items.put(None)
        self._thread.join()
        self._raise()

    def abandon(self) -> None:
        """Drop what waits, and wait for what is being worked on. Idempotent, also after `end`."""
        self._dropping = True
        self._items.put(None)
        self._thread.join()

    def _raise(self) -> None:
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed

    def _run(self) -> None:
        while (found := self._items.get()) is not None:
            if not self._dropping:
                self._try(found[0])
            del found  # the next one may be long in coming
            self._room.release()

    def _try(self, item: T) -> None:
        try:
            self._work(item)
        except BaseException as failed:  # noqa: BLE001 - it belongs to whoever puts
            self._failed = failed
            self._dropping = True


class Abreast(Generic[T]):
    """Work that `threads` threads do at the same time; `take` is called with each result, in the order of the work, by
    whoever gives it.

    At most `most` results are in the making or wait. What work or `take` raises comes out of a later call, and nothing
    is taken afterwards: any call but `abandon` then raises ValueError. Dropping it ends the threads, too.
    """

    def __init__(self, threads: int, most: int, take: Callable[[T], object], name: str) -> None:
        self._most = most
        self._take = take
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._in_flight: deque[Future[T]] = deque()
        self._abandoned = False

    def put(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> None:
        """Have it done; waits while there is no room."""
        self.make_room()
        self._in_flight.append(self._threads.submit(work, *args, **kwargs))

    def make_room(self) -> None:
        """Wait until there is some. What has been taken then depends on what was put, and on no thread's speed."""
        self._take_until(self._most - 1)

    def finish(self) -> None:
        """Wait until everything is taken. More may be put afterwards."""
        self._take_until(0)

    def end(self) -> None:
        """Wait until everything is taken, and end the threads."""
        self.finish()
        self._threads.shutdown()

    def abandon(self) -> None:
        """Take nothing more, and let go of the threads. Idempotent, also after `end`."""
        self._abandoned = True
        self._in_flight.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _take_until(self, left: int) -> None:
        if self._abandoned:
            raise ValueError("results are missing: nothing can follow them")
        try:
            while len(self._in_flight) > left:
                self._take(self._in_flight.popleft().result())
        except BaseException:
            self.abandon()  # what follows belongs behind what is missing now
            raise
