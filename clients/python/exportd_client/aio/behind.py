"""Runs work in another thread while the next piece arrives."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Behind(Generic[T]):
    """Works on one piece at a time, in order, while the caller fetches the next.

    When the context ends, all work is done.

    An error of the work is raised by the next `take`, or at the end of the context.
    """

    def __init__(self, work: Callable[[T], object]) -> None:
        self._work = work
        self._last: asyncio.Future[object] | None = None

    async def take(self, piece: T) -> None:
        """Start the work on `piece`. Returns when the work on all earlier pieces is done."""
        await self._settled()
        self._last = asyncio.ensure_future(asyncio.to_thread(self._work, piece))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if raised is None:
            await self._settled()
        elif self._last:  # an error of the work would hide the first error
            await asyncio.gather(self._last, return_exceptions=True)

    async def _settled(self) -> None:
        if self._last:
            await asyncio.shield(self._last)
            self._last = None
