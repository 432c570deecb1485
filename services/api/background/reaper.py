"""Ends expired leases, and keeps the gauges of the queue up to date."""

import asyncio
from datetime import timedelta
from typing import Protocol

from services.api.metrics import ApiMetrics
from services.api.ports.figures import Depth, QueueFigures
from services.api.ports.live import Duties, Duty
from services.api.usecases.jobs import Jobs
from services.api.world import World
from services.runtime import logs

INTERVAL_S = 1.0
MAX_SHARE_OF_COUNTING = 0.02
"""Largest share of the time that is spent counting the queue. Counting a million exports is slow."""

MAX_GAP = 1 / 3
"""Longest allowed gap between two scans, as a fraction of the ttl, like that between two heartbeats.

After a longer gap, leases may have run out only because no api was there to renew them.
"""
MAX_GAP_OF_SCANS = 5
"""Lower bound of the longest allowed gap, in intervals: with a short ttl the scans themselves are that far apart."""


DUTY_LASTS = timedelta(seconds=6)
"""How long a duty lasts. When a process dies, another one takes over its duties after this time."""

NOT_COUNTED = Depth({}, timedelta())
"""Shown by processes that do not count, so that the sum and the maximum over all processes are correct."""


class Ready(Protocol):
    """Is told whether the store answered."""

    async def __call__(self, *, ready: bool) -> None: ...


class Reaper:
    """A periodic scan. Its guards are inside its statements, so any number of reapers may run at once.

    Of several processes, one ends leases and one counts the queue. Each scan also tells `ready` whether the store
    answered. The queue is counted in each scan as long as that is fast, otherwise only as often as
    MAX_SHARE_OF_COUNTING allows.

    Nothing expires during one ttl after the start: the absence of the api must not cost running jobs their attempts.
    The same holds for one ttl after the process was suspended, or the store did not answer, for so long that heartbeats
    were lost, and after the store could not be written to.
    """

    def __init__(
        self,
        jobs: Jobs,
        figures: QueueFigures,
        duties: Duties,
        metrics: ApiMetrics,
        world: World,
        *,
        quiet_s: float,
        ready: Ready,
    ) -> None:
        self._jobs = jobs
        self._duties = duties
        self._ready = ready
        self._figures = figures
        self._metrics = metrics
        self._world = world
        self._quiet_s = quiet_s
        self._quiet_until = world.monotonic() + quiet_s
        self._last_scan = world.monotonic()
        self._next_count = world.monotonic()

    async def run(self) -> None:
        """Scan periodically until cancelled."""
        while True:
            try:
                await self.run_once()
                await self._ready(ready=True)
            except Exception:  # noqa: BLE001 - the loop must survive any error
                logs.get().exception("reaper_failed")
                await self._ready(ready=False)
            await asyncio.sleep(INTERVAL_S)  # the period of the scan

    async def run_once(self) -> None:
        """Perform one scan."""
        await self._look()
        self._note_absence()
        if self._world.monotonic() >= self._quiet_until and await self._duties.mine(Duty.EXPIRE, DUTY_LASTS):
            await self._expire()

    async def _expire(self) -> None:
        try:
            expired = await self._jobs.expire()
        except Exception:  # if this cannot be written, renewals cannot either, as on a full disk
            self._fall_silent()
            raise
        for export in expired:
            self._metrics.expired(export)
            logs.get().warning("lease_expired", export_id=export.id, attempt=export.attempt, state=export.state.name)

    def _note_absence(self) -> None:
        """Record that the store answered. If the last answer is longer ago than heartbeats are apart, fall silent."""
        now = self._world.monotonic()
        if now - self._last_scan > max(self._quiet_s * MAX_GAP, MAX_GAP_OF_SCANS * INTERVAL_S):
            self._fall_silent()
        self._last_scan = now

    def _fall_silent(self) -> None:
        self._quiet_until = self._world.monotonic() + self._quiet_s

    async def _look(self) -> None:
        """Count the queue; if it is too early for that, only check that the store answers."""
        begun = self._world.monotonic()
        if begun < self._next_count:
            await self._figures.latest()
            return
        if not await self._duties.mine(Duty.COUNT, DUTY_LASTS):
            self._metrics.queue_is(NOT_COUNTED)
            await self._figures.latest()
            return
        self._metrics.queue_is(await self._figures.depth(self._world.clock()))
        ended = self._world.monotonic()
        self._next_count = ended + (ended - begun) / MAX_SHARE_OF_COUNTING
