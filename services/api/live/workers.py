"""Which workers are there: heard of lately, and whether they drain. Held in memory; a restart learns it anew."""

from dataclasses import replace
from datetime import timedelta

from services.api.ports.clock import Clock
from services.api.ports.live import WorkerSeen

ABSENT_AFTER = timedelta(seconds=60)
"""A worker that was not heard of for so long is taken to be gone; polls and heartbeats come at least twice in it."""


class LocalWorkers:
    """Workers that call this process: who, when, and whether it drains."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, WorkerSeen] = {}

    async def polled(self, worker_id: str) -> None:
        """A worker asked for work."""
        self._seen[worker_id] = replace(self._known(worker_id), seen=self._clock())

    async def beat(self, worker_id: str, *, held: int, free_slots: int, draining: bool) -> WorkerSeen:
        """A worker reported; returns what is known of it now. Once it drains, it drains."""
        known, now = self._known(worker_id), self._clock()
        self._seen[worker_id] = replace(
            known, seen=now, beat=now, held=held, free_slots=free_slots, draining=known.draining or draining
        )
        self._forget()
        return self._seen[worker_id]

    async def ask_to_drain(self, worker_id: str) -> WorkerSeen | None:
        """Wish that it stops; None for a worker that is not there."""
        if worker_id not in {worker.id for worker in await self.present()}:
            return None
        self._seen[worker_id] = replace(self._seen[worker_id], asked_to_drain=True)
        return self._seen[worker_id]

    async def takes_work(self, worker_id: str, within: timedelta) -> bool:
        """False for a worker that drains, and for one that sends heartbeats and was not heard of for so long: its poll
        may be open though nobody is there to read the answer.
        """
        known = self._known(worker_id)
        silent = known.beat is not None and self._clock() - known.seen > within
        return not (known.draining or known.asked_to_drain or silent)

    async def present(self) -> list[WorkerSeen]:
        """Those heard of lately, by id."""
        self._forget()
        return sorted(self._seen.values(), key=lambda worker: worker.id)

    async def anybody(self) -> bool:
        """True when some worker would take work."""
        return any(not (worker.draining or worker.asked_to_drain) for worker in await self.present())

    def _known(self, worker_id: str) -> WorkerSeen:
        return self._seen.get(worker_id) or WorkerSeen(worker_id, self._clock())

    def _forget(self) -> None:
        latest = self._clock() - ABSENT_AFTER
        for gone in [worker.id for worker in self._seen.values() if worker.seen < latest]:
            del self._seen[gone]
