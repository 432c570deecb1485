"""How many long reads run at once, and whose is next."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class FairSlots:
    """So many at once, and of one holder one at a time.

    Of those of one holder only one stands in line: another holder waits for as many as there are holders before it.
    """

    def __init__(self, slots: int) -> None:
        self._free = asyncio.Semaphore(slots)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def held(self, holder: str) -> AsyncIterator[None]:
        """Wait for a slot, and have it while the context lasts."""
        turn = self._turns.setdefault(holder, asyncio.Lock())
        async with turn, self._free:
            yield
