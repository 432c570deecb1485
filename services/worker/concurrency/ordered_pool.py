"""Work that several threads do at the same time, and whose results come in order."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


class OrderedPool(Generic[T]):
    """Work that `threads` threads do at the same time; `take` is called with each result, in the order of the work, by
    whoever gives it.

    At most `max_results` results are in the making or wait. What work or `take` raises comes out of a later call, and
    nothing is taken afterwards: any call but `abandon` then raises ValueError. Dropping it ends the threads, too.
    """

    def __init__(self, threads: int, max_results: int, take: Callable[[T], object], name: str) -> None:
        self._max_results = max_results
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
        self._take_until(self._max_results - 1)

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
