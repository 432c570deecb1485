"""Items that are made in another thread, ahead of their consumer.

All threads are daemons, so that they do not keep a process alive. An error in a thread is raised once, in the
consumer's thread.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")

LULL_S = 0.1
"""A consumer that has waited this long for an item is idle."""


def _nothing() -> None:
    """Do nothing: the default for `idle`, and for iterators without `close`."""


@contextmanager
def prefetch(
    items: Iterable[T], max_size: int, size: Callable[[T], int], idle: Callable[[], None] = _nothing
) -> Iterator[Iterator[T]]:
    """Yield the items. They are made in another thread while earlier ones are in use.

    Another item is made while those that wait have a total `size` below `max_size`. An error is raised in the place of
    the item. `idle` is called every LULL_S seconds while the consumer waits. Leaving the context ends the thread as
    soon as it has made the current item, and closes an iterator that can be closed.
    """
    producer = _Producer(items, max_size, size)
    try:
        yield producer.items(idle)
    finally:
        producer.stop()


@contextmanager
def in_turn(items: Iterable[T]) -> Iterator[Iterator[T]]:
    """Yield the items like `prefetch`, but make each when it is asked for, in the consumer's thread.

    This is faster for a few items that are at hand.
    """
    source = iter(items)
    try:
        yield source
    finally:
        getattr(source, "close", _nothing)()


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
            del made  # only the consumer holds a reference now, since an item may be large
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
        except BaseException as raised:  # noqa: BLE001 - raised by the consumer
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
        """Wait until there is room for another item (True) or none is needed (False)."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._waiting < self._max_size)
            return not self._stopped

    def _count(self, size: int) -> None:
        with self._changed:
            self._waiting += size
            self._changed.notify()
