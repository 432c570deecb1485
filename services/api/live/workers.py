"""The workers that were seen recently. They are held in memory, and become known again after a restart."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from services.api.domain.audit import NOBODY, Origin, of_drain
from services.api.ports.audit import AuditStore
from services.api.ports.clock import Clock
from services.api.ports.live import WorkerSeen
from services.contract.capabilities import EVERYTHING, Capabilities
from services.contract.job import WorkerProblem

ABSENT_AFTER = timedelta(seconds=60)
"""A worker that was not seen for this long is taken to be gone.

Polls and heartbeats come at least twice in this time.
"""


class LocalWorkers:
    """The workers that call this process: when each was last seen, what it can do, and whether it drains."""

    def __init__(self, clock: Clock, store_id: str, audit: AuditStore) -> None:
        """`store_id` is the id in the marker of this api's artifact store."""
        self._clock = clock
        self._store_id = store_id
        self._audit = audit
        self._seen: dict[str, WorkerSeen] = {}

    async def polled(self, worker_id: str, can: Capabilities = EVERYTHING) -> None:
        """Record that a worker asked for work, and what it can do."""
        known, matches = self._known(worker_id), can.sees(self._store_id)
        self._seen[worker_id] = replace(known, seen=self._clock(), can=can, store_matches=matches)

    async def beat(
        self, worker_id: str, *, held: int, free_slots: int, draining: bool, problems: tuple[WorkerProblem, ...] = ()
    ) -> WorkerSeen:
        """Record a heartbeat.

        Return what is now known of the worker. A worker that has reported that it drains stays draining.
        """
        known, now = self._known(worker_id), self._clock()
        told: dict[str, Any] = {"held": held, "free_slots": free_slots, "problems": problems}
        self._seen[worker_id] = replace(known, seen=now, beat=now, draining=known.draining or draining, **told)
        self._forget()
        return self._seen[worker_id]

    async def ask_to_drain(self, worker_id: str, *, by: Origin = NOBODY) -> WorkerSeen | None:
        """Ask a worker to stop. Return None if there is no such worker.

        The entry in the audit trail comes first, since the order itself is in the memory of this process only.
        """
        if worker_id not in {worker.id for worker in await self.present()}:
            return None
        await self._audit.add([of_drain(worker_id, by, self._clock())])
        if worker_id not in self._seen:  # gone meanwhile
            return None
        self._seen[worker_id] = replace(self._seen[worker_id], asked_to_drain=True)
        return self._seen[worker_id]

    async def takes_work(self, worker_id: str, within: timedelta) -> bool:
        """Whether a worker can be given work.

        False for a worker that drains or is unhealthy, and for one that sends heartbeats but was not heard of for
        longer than `within`: its poll may still be open although nobody is left to read the answer.
        """
        known = self._known(worker_id)
        silent = known.beat is not None and self._clock() - known.seen > within
        return known.stays and known.healthy and not silent

    async def present(self) -> list[WorkerSeen]:
        """Return the workers that were seen recently, sorted by id."""
        return sorted(self._there(), key=lambda worker: worker.id)

    async def anybody(self) -> bool:
        """Whether there is a worker that is not about to stop, healthy or not."""
        return any(worker.stays for worker in self._there())

    async def able(self, but: str = "") -> tuple[Capabilities, ...]:
        """Return the capabilities of each worker that may take work, except those of the worker `but`."""
        return tuple(each.can for each in self._there() if each.stays and each.healthy and each.id != but)

    async def ability(self, worker_id: str) -> Capabilities:
        """Return the capabilities of a worker. A worker that is not known is assumed to be able to do everything."""
        return self._known(worker_id).can

    def _known(self, worker_id: str) -> WorkerSeen:
        return self._seen.get(worker_id) or WorkerSeen(worker_id, self._clock())

    def _there(self) -> Iterable[WorkerSeen]:
        self._forget()
        return self._seen.values()

    def _forget(self) -> None:
        if not self._seen:
            return
        latest = self._clock() - ABSENT_AFTER
        for gone in [worker.id for worker in self._seen.values() if worker.seen < latest]:
            del self._seen[gone]
