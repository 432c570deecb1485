"""A map over threads whose results are returned in the order of the items."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")


def ordered_map(
    threads: Executor,
    work: Callable[[Item], Done],
    items: Iterable[Item],
    max_results: int,
    discard: Callable[[Done], None],
) -> Generator[tuple[Item, Done], None, None]:
    """Yield each item with the result of `work`. At most `max_results` results are in progress or wait to be taken.

    An error of `work` is raised in the item's place. Close the iterator at the end: results that are not taken are
    passed to `discard`.
    """
    waiting: deque[tuple[Item, Future[Done]]] = deque()
    try:
        for item in items:
            waiting.append((item, threads.submit(work, item)))
            if len(waiting) >= max_results:
                yield _next(waiting)
        while waiting:
            yield _next(waiting)
    finally:
        for _, future in waiting:
            if not future.cancel():
                future.add_done_callback(lambda done: _discarded(done, discard))


def _next(waiting: deque[tuple[Item, Future[Done]]]) -> tuple[Item, Done]:
    item, future = waiting.popleft()
    return item, future.result()


def _discarded(future: Future[Done], discard: Callable[[Done], None]) -> None:
    if future.exception() is None:
        discard(future.result())
