"""Items made in a thread of their own, ahead of whoever takes them.

Threads here are daemons: none keeps a process alive. What fails in one of them is raised once, in the caller's.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")

LULL_S = 0.1
"""A taker that has waited so long for an item is idle."""


def _nothing() -> None:
    """What an idle taker does, and an iterator that can't be closed."""


@contextmanager
def prefetch(
    items: Iterable[T], max_size: int, size: Callable[[T], int], idle: Callable[[], None] = _nothing
) -> Iterator[Iterator[T]]:
    """The items, made in another thread while those before them are in use.

    Another one is made as long as those that wait have a `size` of less than `max_size` in all. What making one raises
    comes out where it would have been taken. `idle` is called every LULL_S that the taker waits for one. Leaving the
    context ends the thread, as soon as the item that it is making is made, and closes an iterator that can be closed.
    """
    producer = _Producer(items, max_size, size)
    try:
        yield producer.items(idle)
    finally:
        producer.stop()


class _Producer(Generic[T]):
    def __init__(self, items: Iterable[T], max_size: int, size: Callable[[T], int]) -> None:
        self._source = items
        self._max_size = max_size
        self._size = size
        self._made: SimpleQueue[tuple[T] | BaseException | None] = SimpleQueue()
        self._waiting = 0
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True, name="exportd-prefetch")
        self._thread.start()

    def items(self, idle: Callable[[], None]) -> Iterator[T]:
        while (made := self._next(idle)) is not None:
            if isinstance(made, BaseException):
                raise made
            item = made[0]
            del made  # the only reference from here on is the taker's: an item may be large
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
        source = iter(self._source)
        try:
            while self._waits_for_room():
                item = next(source)
                self._count(self._size(item))
                self._made.put((item,))
                del item
        except StopIteration:
            return
        finally:
            getattr(source, "close", _nothing)()

    def _waits_for_room(self) -> bool:
        """Waits until there is room for one more, or no need for any."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._waiting < self._max_size)
            return not self._stopped

    def _count(self, size: int) -> None:
        with self._changed:
            self._waiting += size
            self._changed.notify()
