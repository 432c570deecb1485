"""The store of leases: what workers, and the clock on their behalf, do with exports."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.api.domain.export import Export, StoredFile
from services.api.domain.leases import UNLIMITED, Ability, Claimed, Standing
from services.api.domain.retry import Fate
from services.contract.job import LeaseRef
from services.contract.outcome import Failure, RunStats


class LeaseStore(Protocol):
    """The operations of workers and of the clock on exports.

    Each change is one guarded statement, and is durable when the call returns. The entry in the history is written in
    the same transaction as the change of state, and so are the notifications when a run ends. Every method raises
    StoreUnavailable if nothing was written. `now` is the time that decisions are based on.
    """

    async def claim(
        self,
        worker_id: str,
        poll_id: str,
        limit: int,
        now: datetime,
        ability: Ability = UNLIMITED,
    ) -> list[Claimed]:
        """Lease up to `limit` due exports that the worker can build.

        If this poll has already leased exports that are still unconfirmed, exactly these are returned again. Otherwise
        tenants take turns, as domain/fairness.py says; the exports of one tenant are taken by priority, then by age. An
        export that this worker gave back recently, because its own environment had failed, is kept from it as long as
        another worker could build it.
        """
        ...

    async def next_due(self, now: datetime) -> datetime | None:
        """Return when the next FAILED export becomes due after `now`; None if there is none."""
        ...

    async def standings(self, leases: Sequence[LeaseRef]) -> list[Standing]:
        """Return the standing of each lease, in the same order. This only reads."""
        ...

    async def renew(self, worker_id: str, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        """Confirm and extend the leases that are still in force.

        Return the exports that this moved back to PROCESSING.
        """
        ...

    async def unconfirmed(self, worker_id: str, leased_before: datetime) -> list[Claimed]:
        """Return the leases of this worker that were granted before a time and that it has not confirmed."""
        ...

    async def complete(
        self,
        lease: LeaseRef,
        file: StoredFile,
        stats: RunStats,
        now: datetime,
        *,
        attachments: StoredFile | None = None,
    ) -> Export | None:
        """Complete an export and publish its file. Return None if this has already happened.

        That is the case if the same lease completed the export with the same sha256. `attachments` has the same times
        as `file`, and a row count of 0. Raises Fenced, RowsMissing.
        """
        ...

    async def fail(self, lease: LeaseRef, failure: Failure, fate: Fate, now: datetime) -> Export | None:
        """End an attempt; return None if the same lease had failed before. Raises Fenced.

        With GiveBack the attempt does not count and the export is QUEUED, unless this has happened to the export too
        often.
        """
        ...

    async def release(self, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        """Give back the attempts of the leases that are still in force. Return their exports, which are QUEUED."""
        ...

    async def expire(self, now: datetime) -> list[Export]:
        """End every lease whose deadline has passed. Return the exports in their new state."""
        ...
