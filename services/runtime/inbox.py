"""What an event loop hands to threads: all that one turn of the loop puts arrives together.

A thread that is woken for the first item asks for the interpreter's lock while the loop has others to put: it would
take one and wait again, and at each handing over both wait for the lock, which costs more than most of what is asked.
"""

import asyncio
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """Items in their order, from one event loop to any number of threads. `most` (2 or more) are taken at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._put: list[T] = []
        self._handed: SimpleQueue[list[T] | None] = SimpleQueue()

    def put(self, item: T) -> None:
        """For the loop: hand it over when this turn of the loop is over."""
        if not self._put:
            self._loop.call_soon(self._hand_over)
        self._put.append(item)

    def end(self, threads: int = 1) -> None:
        """For the loop: no other item comes, for so many threads."""
        self._hand_over()
        for _ in range(threads):
            self._handed.put(None)

    def take(self) -> list[T]:
        """For a thread: wait for one, and take what has gathered; empty at the end, once for each thread."""
        items: list[T] = []
        some = self._handed.get()
        while some is not None:
            items += some
            if len(items) > self._most // 2:
                return items
            try:
                some = self._handed.get_nowait()
            except Empty:
                return items
        if items:
            self._handed.put(None)  # the end comes after these
        return items

    def _hand_over(self) -> None:
        """In parts of which two are no more than is taken at once."""
        put, self._put = self._put, []
        size = self._most // 2
        for start in range(0, len(put), size):
            self._handed.put(put[start : start + size])
