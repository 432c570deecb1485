"""Notices changes that other processes make in the same store."""

import asyncio

from services.api.ports.exports import ExportStore
from services.api.ports.live import Announcements
from services.api.world import World
from services.runtime import logs

INTERVAL_S = 1.0
JITTER = 0.2
"""Relative variation of the interval, so that processes do not all look at once."""


class OtherProcesses:
    """Looks at the store each second: one query for all watched exports, and one claim for all waiting polls."""

    def __init__(self, store: ExportStore, announcements: Announcements, world: World) -> None:
        self._store = store
        self._announcements = announcements
        self._world = world
        self._seen: dict[str, int | None] = {}

    async def run(self) -> None:
        """Look periodically until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S * (1 + JITTER * (self._world.random() - 0.5)))  # the period
            try:
                await self.run_once()
            except Exception:  # noqa: BLE001 - the loop must survive any error
                logs.get().exception("look_failed")

    async def run_once(self) -> None:
        """Wake the watchers of exports with a new version, and the first waiting poll.

        If that poll finds work, it wakes the next one.
        """
        self._announcements.work()
        watched = self._announcements.watches
        versions = await self._store.versions(sorted(watched)) if watched else {}
        now = {export_id: versions.get(export_id) for export_id in watched}
        for export_id, version in now.items():
            if export_id not in self._seen or self._seen[export_id] != version:
                self._announcements.changed(export_id)
        self._seen = now
