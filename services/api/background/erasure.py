"""Removes erased passwords from the database file and its log."""

import asyncio

from services.api.ports.retention import RetentionStore
from services.runtime import logs

INTERVAL_S = 30.0
"""Time between two erasures. The end of an export does not wait for one."""

HELD_UP_S = 5.0
"""Time until an erasure that was delayed is retried."""


class Erasure:
    """A periodic task without state: it also erases what an earlier process left behind."""

    def __init__(self, store: RetentionStore) -> None:
        self._store = store

    async def run(self) -> None:
        """Erase periodically until cancelled."""
        while True:
            is_done = await self.run_once()
            await asyncio.sleep(INTERVAL_S if is_done else HELD_UP_S)  # the period

    async def run_once(self) -> bool:
        """Erase once. Return False if the erasure was delayed or failed."""
        try:
            return await self._store.erase()
        except Exception:  # noqa: BLE001 - the loop must survive any error
            logs.get().exception("erasure_failed")
            return False
