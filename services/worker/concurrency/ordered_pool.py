"""Work in several threads with results in order."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


class OrderedPool(Generic[T]):
    """Runs work in `threads` threads, and passes the results to `take` in the order of the work.

    `take` is called in the thread that calls `put`, `finish` or `end`. At most `max_results` results are in progress or
    wait. An error of the work or of `take` is raised by a later call, and no further result is taken: every call except
    `abandon` then raises ValueError. The threads also end when the pool is garbage-collected.
    """

    def __init__(self, threads: int, max_results: int, take: Callable[[T], object], name: str) -> None:
        self._max_results = max_results
        self._take = take
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._in_flight: deque[Future[T]] = deque()
        self._abandoned = False

    def put(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> None:
        """Submit work. Waits while there is no room."""
        self.make_room()
        self._in_flight.append(self._threads.submit(work, *args, **kwargs))

    def make_room(self) -> None:
        """Wait until there is room.

        Which results have been taken then depends only on the work, not on the speed of threads.
        """
        self._take_until(self._max_results - 1)

    def finish(self) -> None:
        """Wait until all results are taken. More work may follow."""
        self._take_until(0)

    def end(self) -> None:
        """Wait until all results are taken, and end the threads."""
        self.finish()
        self._threads.shutdown()

    def abandon(self) -> None:
        """Take no more results, and end the threads. Idempotent, also after `end`."""
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
            self.abandon()  # later results must not follow a missing one
            raise
