"""Removes erased passwords from the database file and its log."""

import asyncio

from services.api.ports.retention import RetentionStore
from services.runtime import logs

INTERVAL_S = 30.0
"""Once in this time, whatever was erased meanwhile: an end does not wait for it."""

HELD_UP_S = 5.0
"""Before it is retried."""


class Erasure:
    """A periodic step without state: it begins with what an earlier process left."""

    def __init__(self, store: RetentionStore) -> None:
        self._store = store

    async def run(self) -> None:
        """Erase for ever; cancel it to end it."""
        while True:
            is_done = await self.run_once()
            await asyncio.sleep(INTERVAL_S if is_done else HELD_UP_S)  # the period

    async def run_once(self) -> bool:
        """False when it was delayed."""
        try:
            return await self._store.erase()
        except Exception:  # noqa: BLE001 - whatever it is, the next one must come
            logs.get().exception("erasure_failed")
            return False
