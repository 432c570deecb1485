"""How many long reads run at once, and in which order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class FairSlots:
    """A number of slots for all holders, of which each holder has at most one at a time.

    Of each holder only one request waits for a slot, so that a holder waits at most for as many requests as there are
    holders before it.
    """

    def __init__(self, slots: int) -> None:
        self._free = asyncio.Semaphore(slots)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def held(self, holder: str) -> AsyncIterator[None]:
        """Wait for a slot, and hold it while the context lasts."""
        turn = self._turns.setdefault(holder, asyncio.Lock())
        async with turn, self._free:
            yield
