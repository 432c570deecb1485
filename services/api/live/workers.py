"""Which workers were seen recently, and whether they drain. Held in memory; after a restart it is learned again."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from services.api.ports.clock import Clock
from services.api.ports.live import WorkerSeen
from services.contract.capabilities import EVERYTHING, Capabilities
from services.contract.job import WorkerProblem

ABSENT_AFTER = timedelta(seconds=60)
"""A worker that was not seen for so long is taken to be gone; polls and heartbeats come at least twice in it."""


class LocalWorkers:
    """Workers that call this process: who, when, and whether it drains."""

    def __init__(self, clock: Clock, store_id: str) -> None:
        """`store_id` is the marker of the artifact store of this api."""
        self._clock = clock
        self._store_id = store_id
        self._seen: dict[str, WorkerSeen] = {}

    async def polled(self, worker_id: str, can: Capabilities = EVERYTHING) -> None:
        """A worker asked for work that it can do."""
        known, matches = self._known(worker_id), can.sees(self._store_id)
        self._seen[worker_id] = replace(known, seen=self._clock(), can=can, store_matches=matches)

    async def beat(
        self, worker_id: str, *, held: int, free_slots: int, draining: bool, problems: tuple[WorkerProblem, ...] = ()
    ) -> WorkerSeen:
        """A worker reported; returns what is known of it now. Once it drains, it drains."""
        known, now = self._known(worker_id), self._clock()
        told: dict[str, Any] = {"held": held, "free_slots": free_slots, "problems": problems}
        self._seen[worker_id] = replace(known, seen=now, beat=now, draining=known.draining or draining, **told)
        self._forget()
        return self._seen[worker_id]

    async def ask_to_drain(self, worker_id: str) -> WorkerSeen | None:
        """Ask the worker to stop; None if there is no such worker."""
        if worker_id not in {worker.id for worker in await self.present()}:
            return None
        self._seen[worker_id] = replace(self._seen[worker_id], asked_to_drain=True)
        return self._seen[worker_id]

    async def takes_work(self, worker_id: str, within: timedelta) -> bool:
        """False for a worker that drains or is unhealthy, and for one that sends heartbeats and was not heard of for so
        long: its poll may be open though nobody is there to read the answer.
        """
        known = self._known(worker_id)
        silent = known.beat is not None and self._clock() - known.seen > within
        return known.stays and known.healthy and not silent

    async def present(self) -> list[WorkerSeen]:
        """Those seen recently, by id."""
        return sorted(self._there(), key=lambda worker: worker.id)

    async def anybody(self) -> bool:
        """True when some worker is there to stay, healthy or not."""
        return any(worker.stays for worker in self._there())

    async def able(self, but: str = "") -> tuple[Capabilities, ...]:
        """What each worker can do that would take work, but for one."""
        return tuple(each.can for each in self._there() if each.stays and each.healthy and each.id != but)

    async def ability(self, worker_id: str) -> Capabilities:
        """What a worker can do; of one that is not known: everything."""
        return self._known(worker_id).can

    def _known(self, worker_id: str) -> WorkerSeen:
        return self._seen.get(worker_id) or WorkerSeen(worker_id, self._clock())

    def _there(self) -> Iterable[WorkerSeen]:
        self._forget()
        return self._seen.values()

    def _forget(self) -> None:
        latest = self._clock() - ABSENT_AFTER
        for gone in [worker.id for worker in self._seen.values() if worker.seen < latest]:
            del self._seen[gone]
