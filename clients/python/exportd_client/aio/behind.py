"""Runs work in another thread while the next pieces arrive."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

MAX_WAITING = 2
"""How many pieces wait at most, beside the one that is worked on."""

IN_A_ROW = 16
"""After how many pieces a thread of the executor is given back, so that others have their turn if this never ends."""

T = TypeVar("T")


class Behind(Generic[T]):
    """Works on one piece at a time, in order, while the caller fetches the next ones.

    A thread of the event loop's executor works as long as pieces wait: to hand over each piece, and to hear of it, took
    a tenth of a download. When the context ends, all work is done.

    An error of the work is raised by a later `take`, or at the end of the context. No work is done after it.
    """

    def __init__(self, work: Callable[[T], object]) -> None:
        self._work = work
        self._lock = threading.Lock()  # guards what both threads change: all of the following but the last
        self._waiting: deque[T] = deque()
        self._is_working = False
        self._error: BaseException | None = None
        self._room: asyncio.Future[None] | None = None
        self._working: asyncio.Future[None] | None = None

    async def take(self, piece: T) -> None:
        """Have the work done on `piece`. Returns when at most MAX_WAITING pieces wait for it."""
        if room := self._room_ahead():
            await room
        if self._put(piece):
            self._working = asyncio.ensure_future(self._work_off())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._working:
            await _ended(self._working)
        if self._error and raised is None:  # otherwise it would hide the first error
            raise self._error

    def _room_ahead(self) -> "asyncio.Future[None] | None":
        """Return what is done when there is room for another piece; None if there is room. Raises the work's error."""
        with self._lock:
            if self._error:
                raise self._error
            if len(self._waiting) < MAX_WAITING:
                return None
            self._room = asyncio.get_running_loop().create_future()
            return self._room

    def _put(self, piece: T) -> bool:
        """Add a piece. Return whether a thread has to begin to work."""
        with self._lock:
            if self._error:
                raise self._error
            self._waiting.append(piece)
            begins, self._is_working = not self._is_working, True
            return begins

    async def _work_off(self) -> None:
        """Work in other threads until nothing waits."""
        while await asyncio.get_running_loop().run_in_executor(None, self._work_on_some):
            pass

    def _work_on_some(self) -> bool:
        """Work on what waits, up to IN_A_ROW pieces. Return whether there may be more."""
        try:
            for _ in range(IN_A_ROW):
                taken = self._next()
                if not taken:
                    return False
                self._work(taken[0])
                del taken  # while the next one is awaited, its memory may be used for another
        except BaseException as error:  # noqa: BLE001 - the caller's thread raises it
            with self._lock:
                self._error = error
                self._waiting.clear()
                self._tell_of_room()
            return False
        return True

    def _next(self) -> tuple[T] | None:
        with self._lock:
            if not self._waiting:
                self._is_working = False
                return None
            piece = self._waiting.popleft()
            self._tell_of_room()
            return (piece,)

    def _tell_of_room(self) -> None:
        room, self._room = self._room, None
        if room:
            room.get_loop().call_soon_threadsafe(_end, room)


def _end(room: "asyncio.Future[None]") -> None:
    if not room.done():  # the caller may have been cancelled
        room.set_result(None)


async def _ended(working: "asyncio.Future[None]") -> None:
    """Wait for the work, even if the caller is cancelled meanwhile: what was taken is done."""
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise
