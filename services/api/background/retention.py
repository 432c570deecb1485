"""Deletes expired files, artifacts that belong to no export, and old rows."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.api.metrics import ApiMetrics
from services.api.ports.artifacts import ArtifactStore, StoredPrefix
from services.api.ports.live import Duties, Duty
from services.api.ports.retention import Kept, RetentionStore
from services.api.world import World
from services.contract.store import artifact_prefix
from services.runtime import logs
from services.runtime.startup import CannotStart

MAX_BATCH = 200

MAX_AUDIT_BATCH = 1000
"""How many entries of the audit trail one transaction deletes."""

MAX_CLOCK_DRIFT = timedelta(minutes=1)
DISTRUST_S = 3600.0
"""How long nothing is deleted after the clock jumped ahead by more than the grace time, so that it can be corrected."""


class StoreOfAnother(CannotStart):
    """The artifact store has files that this database does not know and would delete."""

    def __init__(self, store_id: str, known: str) -> None:
        owner = f"this database belongs to the artifact store {known}" if known else "this database knows no export"
        super().__init__(
            f"{owner}, and EXPORTD_ARTIFACTS is the store {store_id}, which has files: give it the folder that belongs "
            "to this database, or an empty one"
        )


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """When what is deleted.

    A sweep runs each `interval`. Artifacts are deleted `grace` after they are no longer needed, so that a running
    download can end and a worker that was cut off has noticed it. Rows are deleted `rows_kept` after their export was
    done, and entries of the audit trail when they are `audit_kept` old.
    """

    interval: timedelta = timedelta(minutes=5)
    grace: timedelta = timedelta(hours=1)
    rows_kept: timedelta = timedelta(days=90)
    audit_kept: timedelta = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep removed: the number of leases whose artifacts were deleted, and the number of rows."""

    leases: int
    rows: int


class Retention:
    """An idempotent sweep that looks at everything anew each time.

    Any number may run at once, and may be interrupted. Of several processes only one sweeps, to spare the artifact
    store.
    """

    def __init__(
        self,
        store: RetentionStore,
        artifacts: ArtifactStore,
        metrics: ApiMetrics,
        policy: RetentionPolicy,
        world: World,
        *,
        duties: Duties,
    ) -> None:
        self._store = store
        self._duties = duties
        self._artifacts = artifacts
        self._metrics = metrics
        self._policy = policy
        self._world = world
        self._seen = (world.wall(), world.monotonic())
        self._distrusted_until = 0.0

    async def check_store(self) -> None:
        """Raise StoreOfAnother if the artifact store is not the one of this database."""
        if await self._store.artifact_store() == self._artifacts.store_id:
            return
        async with aclosing(self._artifacts.prefixes()) as listed:
            is_empty = await anext(listed, None) is None
        known = await self._store.belongs_to(self._artifacts.store_id, is_empty=is_empty)
        if known != self._artifacts.store_id:
            raise StoreOfAnother(self._artifacts.store_id, known)

    async def run(self) -> None:
        """Sweep periodically until cancelled."""
        while True:
            try:
                swept = await self.run_once() if self._trusts_clock() and await self._is_mine() else Swept(0, 0)
                if swept.leases or swept.rows:
                    logs.get().info("swept", leases=swept.leases, rows=swept.rows)
            except Exception:  # noqa: BLE001 - the loop must survive any error
                logs.get().exception("sweep_failed")
            await asyncio.sleep(self._policy.interval.total_seconds())  # the period of the sweep

    async def _is_mine(self) -> bool:
        """Return whether this process is the one that sweeps."""
        return await self._duties.mine(Duty.SWEEP, 2 * self._policy.interval)

    def _trusts_clock(self) -> bool:
        """Return False for a while after the clock has jumped ahead: a file may then only seem to be expired."""
        wall, own = self._world.wall(), self._world.monotonic()
        jumped = wall - self._seen[0] - timedelta(seconds=own - self._seen[1])
        self._seen = (wall, own)
        if jumped > self._policy.grace + MAX_CLOCK_DRIFT:
            logs.get().error("clock_jumped", seconds=round(jumped.total_seconds()), sweeps_again_in_s=DISTRUST_S)
            self._distrusted_until = own + DISTRUST_S
        return own >= self._distrusted_until

    async def run_once(self) -> Swept:
        """Perform one sweep in small steps.

        The time at its start decides, so that a clock that jumps meanwhile changes nothing.
        """
        now = self._world.wall()  # the times of files are of the wall clock
        leases = 0
        async for some in _together(self._artifacts.prefixes()):
            leases += await self._sweep(some, now)
        rows = 0
        while removed := await self._store.forget(now, self._policy.rows_kept, MAX_BATCH):
            rows += removed
        while removed := await self._store.forget_audit(now - self._policy.audit_kept, MAX_AUDIT_BATCH):
            rows += removed
        self._metrics.swept(leases, rows)
        return Swept(leases, rows)

    async def _sweep(self, prefixes: list[StoredPrefix], now: datetime) -> int:
        """Remove what is no longer needed, and return the number of leases.

        A prefix that changed within the grace time stays: its writer may not know yet that its lease has ended.
        """
        quiet = [prefix for prefix in prefixes if prefix.modified <= now - self._policy.grace]
        worth = await self._store.kept([prefix.lease for prefix in quiet], now, self._policy.grace)
        over = [prefix.lease for prefix, kept in zip(quiet, worth, strict=True) if kept is not Kept.NEEDED]
        for lease in over:
            await self._artifacts.remove(artifact_prefix(lease))
        return len(over)


async def _together(prefixes: AsyncGenerator[StoredPrefix]) -> AsyncGenerator[list[StoredPrefix]]:
    some: list[StoredPrefix] = []
    async for prefix in prefixes:
        some.append(prefix)
        if len(some) == MAX_BATCH:
            yield some
            some = []
    if some:
        yield some
