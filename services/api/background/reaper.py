"""Ends leases that expired, and keeps the gauges of the queue up to date."""

import asyncio
from typing import Protocol

from services.api.metrics import ApiMetrics
from services.api.ports.figures import QueueFigures
from services.api.usecases.jobs import Jobs
from services.api.world import World
from services.runtime import logs

INTERVAL_S = 1.0
MAX_SHARE_OF_COUNTING = 0.02
"""Share of the time that counting the queue may take: counting a million exports is slow."""

MAX_GAP = 1 / 3
"""Of a ttl between two scans, as between two heartbeats: after a longer one leases may have run out for lack of an api.
"""
MAX_GAP_OF_SCANS = 5
"""Intervals that a gap has at least: with a short ttl the scans themselves are that far apart."""


class Ready(Protocol):
    """Told whether the store answered."""

    async def __call__(self, *, ready: bool) -> None: ...


class Reaper:
    """A periodic scan whose guards are inside its statements: any number of them may run.

    Each scan also tells `ready` whether the store answered. The queue is counted in each scan while that is quick, and
    else in as many as MAX_SHARE_OF_COUNTING allows.
    For one ttl after the start nothing expires: an api that was away must not cost running jobs their attempts. Nor for
    one ttl after it was stopped, or its store did not answer, for so long that heartbeats were lost, or could not be
    written to.
    """

    def __init__(
        self, jobs: Jobs, figures: QueueFigures, metrics: ApiMetrics, world: World, *, quiet_s: float, ready: Ready
    ) -> None:
        self._jobs = jobs
        self._ready = ready
        self._figures = figures
        self._metrics = metrics
        self._world = world
        self._quiet_s = quiet_s
        self._quiet_until = world.monotonic() + quiet_s
        self._last_scan = world.monotonic()
        self._next_count = world.monotonic()

    async def run(self) -> None:
        """Scan for ever; cancel it to end it."""
        while True:
            try:
                await self.run_once()
                await self._ready(ready=True)
            except Exception:  # noqa: BLE001 - whatever it is, the next scan must come
                logs.get().exception("reaper_failed")
                await self._ready(ready=False)
            await asyncio.sleep(INTERVAL_S)  # the period of the scan

    async def run_once(self) -> None:
        """One scan."""
        await self._look()
        self._note_absence()
        if self._world.monotonic() >= self._quiet_until:
            await self._expire()

    async def _expire(self) -> None:
        try:
            expired = await self._jobs.expire()
        except Exception:  # what cannot write this cannot write renewals either, as on a full disk
            self._fall_silent()
            raise
        for export in expired:
            self._metrics.expired(export)
            logs.get().warning("lease_expired", export_id=export.id, attempt=export.attempt, state=export.state.name)

    def _note_absence(self) -> None:
        """The store answered: fall silent when it has not for longer than the heartbeats of workers are apart."""
        now = self._world.monotonic()
        if now - self._last_scan > max(self._quiet_s * MAX_GAP, MAX_GAP_OF_SCANS * INTERVAL_S):
            self._fall_silent()
        self._last_scan = now

    def _fall_silent(self) -> None:
        self._quiet_until = self._world.monotonic() + self._quiet_s

    async def _look(self) -> None:
        """Count the queue; where it is too early for that, see whether the store answers."""
        begun = self._world.monotonic()
        if begun < self._next_count:
            await self._figures.latest()
            return
        self._metrics.queue_is(await self._figures.depth(self._world.clock()))
        ended = self._world.monotonic()
        self._next_count = ended + (ended - begun) / MAX_SHARE_OF_COUNTING
