"""Work on items in another thread, one after the other.

The thread is a daemon: it keeps no process alive.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class SerialSink(Generic[T]):
    """Hands items to `work` in another thread, in order; at most `max_items` (1 or more) of them wait or are worked on.

    What `work` raises comes out once, of `put` or `end`; items after it are dropped. `end` and `abandon` end the
    thread.
    """

    def __init__(self, work: Callable[[T], object], max_items: int) -> None:
        self._work = work
        self._room = threading.Semaphore(max_items)
        self._items: SimpleQueue[tuple[T] | None] = SimpleQueue()
        self._dropping = False
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="exportd-serial-sink")
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

    @property
    def abandoned(self) -> bool:
        """Whether what waits is dropped: long work may stop early."""
        return self._dropping

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
        while (entry := self._items.get()) is not None:
            if not self._dropping:
                self._try(entry[0])
            del entry  # the next one may be long in coming
            self._room.release()

    def _try(self, item: T) -> None:
        try:
            self._work(item)
        except BaseException as failed:  # noqa: BLE001 - it belongs to whoever puts
            self._failed = failed
            self._dropping = True
