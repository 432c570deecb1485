"""Looks periodically for changes made by other processes, since their hints may be lost."""

import asyncio
from collections.abc import Callable

from services.api.live.shared.announcements import SharedAnnouncements
from services.api.live.shared.periodic import periodically
from services.api.live.shared.reports import Reports
from services.api.ports.exports import ExportStore

INTERVAL_S = 1.0
JITTER = 0.2
"""Share of the interval by which it varies, so that processes do not look all at once."""

Seen = dict[str, tuple[int | None, int | None]]
"""The version of each watched export, and the time of the last report on it."""


class Looking:
    """Looks once a second: one query for all watched exports, and one claim for all polls of the same capabilities."""

    def __init__(
        self, store: ExportStore, announcements: SharedAnnouncements, reports: Reports, random: Callable[[], float]
    ) -> None:
        self._store = store
        self._announcements = announcements
        self._reports = reports
        self._random = random
        self._seen: Seen = {}

    async def run(self) -> None:
        """Look until cancelled."""
        await periodically(lambda: INTERVAL_S * (1 + JITTER * (self._random() - 0.5)), self.run_once)

    async def run_once(self) -> None:
        """Wake the watchers of changed exports, and the first polls. A poll that finds work wakes the next one."""
        self._announcements.look()
        now = await self._look()
        for export_id, (version, reported) in now.items():
            before = self._seen.get(export_id, (None, None))
            if export_id not in self._seen or before[0] != version:
                self._announcements.changed(export_id)
            elif before[1] != reported:
                self._announcements.reported(export_id)
        self._seen = now

    async def _look(self) -> Seen:
        watched = self._announcements.watched_here()
        if not watched:
            return {}
        versions, reported = await asyncio.gather(self._store.versions(watched), self._reports.times(watched))
        return {export_id: (versions.get(export_id), reported.get(export_id)) for export_id in watched}
