"""Leases of exports: what workers and the clock do with them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.api.domain.export import Export, StoredFile
from services.api.domain.leases import UNLIMITED, Ability, Claimed, Standing
from services.api.domain.retry import Fate
from services.contract.job import LeaseRef
from services.contract.outcome import Failure, RunStats


class LeaseStore(Protocol):
    """What workers and the clock do with exports. Each change is one guarded statement, durable when the call returns.

    With each change of state its entry in the history is written, and with each end its announcements, in the same
    transaction. Every verb raises StoreUnavailable when nothing was written. `now` is the time that decides.
    """

    async def claim(
        self,
        worker_id: str,
        poll_id: str,
        limit: int,
        now: datetime,
        ability: Ability = UNLIMITED,
    ) -> list[Claimed]:
        """Lease up to `limit` due exports that the worker can build; if this poll leased some that are unconfirmed
        still, exactly those again.

        Of what the worker can build, tenants take turns, as domain/fairness.py says; each one's own go by priority,
        then by age. What it gave back lately, since its own environment had failed, is kept from it as long as
        another worker could build it.
        """
        ...

    async def next_due(self, now: datetime) -> datetime | None:
        """When the next FAILED export becomes due, after `now`."""
        ...

    async def standings(self, leases: Sequence[LeaseRef]) -> list[Standing]:
        """What each lease is worth, in the same order. Reads only."""
        ...

    async def renew(self, worker_id: str, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        """Confirm and extend those that still count; returns the exports that this brought back to PROCESSING."""
        ...

    async def unconfirmed(self, worker_id: str, leased_before: datetime) -> list[Claimed]:
        """Leases of this worker, made before a time, that it has not confirmed."""
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
        """Publish; None when the same lease had completed with the same sha256 before. Raises Fenced, RowsMissing.

        `attachments` has the times of `file`, and no rows.
        """
        ...

    async def fail(self, lease: LeaseRef, failure: Failure, fate: Fate, now: datetime) -> Export | None:
        """End the attempt; None when the same lease had failed before. Raises Fenced.

        With GiveBack the attempt does not count and the export is QUEUED, until that happened too often.
        """
        ...

    async def release(self, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        """Give back the attempts of those that are still in force; returns their exports, QUEUED."""
        ...

    async def expire(self, now: datetime) -> list[Export]:
        """End every lease whose deadline is over; returns the exports as they are then."""
        ...
