"""Work that goes on in another thread while the next piece is on its way."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Behind(Generic[T]):
    """Does one thing at a time, in order, one behind the caller. At its end, all that was taken is done.

    What the work raises comes out at the next `take`, or at the end.
    """

    def __init__(self, work: Callable[[T], object]) -> None:
        self._work = work
        self._last: asyncio.Future[object] | None = None

    async def take(self, piece: T) -> None:
        """Returns when all but this piece is done."""
        await self._settled()
        self._last = asyncio.ensure_future(asyncio.to_thread(self._work, piece))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if raised is None:
            await self._settled()
        elif self._last:  # its own failure would hide the first one
            await asyncio.gather(self._last, return_exceptions=True)

    async def _settled(self) -> None:
        if self._last:
            await asyncio.shield(self._last)
            self._last = None
