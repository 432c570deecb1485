"""Counts of the queue, computed at each call."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import islice

from services.api.domain.states import TERMINAL, Event, State, sources, target
from services.api.ports.figures import Depth, RunningExport, TenantQueue
from services.api.storage.memory.data import MemoryData
from services.api.storage.memory.line import running

_NOT_DONE = tuple(state for state in State if state not in TERMINAL)


class MemoryQueueFigures:
    """QueueFigures in memory."""

    def __init__(self, data: MemoryData) -> None:
        self._data = data

    async def running(self) -> dict[str, int]:
        return dict(running(self._data))

    async def running_exports(self, tenant: str, after_id: str, limit: int) -> list[RunningExport]:
        running = (each for each in self._data.within(*sources(Event.RELEASE)) if each.export.id > after_id)
        records = (each for each in running if tenant in ("", each.export.tenant))
        return [RunningExport(each.export, each.lease.worker_id) for each in islice(records, limit) if each.lease]

    async def queue(self) -> list[TenantQueue]:
        counted = Counter((each.export.tenant, each.export.state) for each in self._data.within(*_NOT_DONE))
        return [
            TenantQueue(tenant, {state: counted[tenant, state] for state in _NOT_DONE}, self._vtime(tenant))
            for tenant in sorted({tenant for tenant, _ in counted})
        ]

    def _vtime(self, tenant: str) -> int:
        turn = self._data.turns.get(tenant)
        return turn.vtime if turn else 0

    async def latest(self) -> datetime | None:
        return max((record.export.update_time for record in self._data.within(*State)), default=None)

    async def depth(self, now: datetime) -> Depth:
        counts = {state: sum(1 for _ in self._data.within(state)) for state in _NOT_DONE}
        return Depth(counts, max(self._waits(now), default=timedelta()))

    def _waits(self, now: datetime) -> list[timedelta]:
        """Return how long the oldest export without an attempt and the longest-due retry have waited."""
        first = next(self._data.within(State.QUEUED), None)
        failed = (record.export.next_attempt_time for record in self._data.within(target(Event.FAIL)))
        due = min((moment for moment in failed if moment is not None and moment <= now), default=None)
        return [now - moment for moment in (first.export.create_time if first else None, due) if moment is not None]
