"""Work on items in another thread, one after the other.

The thread is a daemon, so that it does not keep a process alive.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class SerialSink(Generic[T]):
    """Passes items to `work` in another thread, in order.

    At most `max_items` (1 or more) items wait or are in progress. An error of `work` is raised once, by `put` or `end`;
    later items are dropped. `end` and `abandon` end the thread.
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
        """Pass an item to the thread. Waits while there is no room."""
        self._room.acquire()
        if self._failed is not None:
            self._room.release()
            self._raise()
        self._items.put((item,))

    def end(self) -> None:
        """Wait until all items are done."""
        self._items.put(None)
        self._thread.join()
        self._raise()

    @property
    def abandoned(self) -> bool:
        """Whether waiting items are dropped. Long work may check it to stop early."""
        return self._dropping

    def abandon(self) -> None:
        """Drop waiting items, and wait for the one in progress. Idempotent, also after `end`."""
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
            del entry  # release the item, as the next one may take long to come
            self._room.release()

    def _try(self, item: T) -> None:
        try:
            self._work(item)
        except BaseException as failed:  # noqa: BLE001 - raised by put or end
            self._failed = failed
            self._dropping = True
