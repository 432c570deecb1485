"""Counts of the queue at one moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from services.api.domain.export import Export
from services.api.domain.states import State


@dataclass(frozen=True, slots=True)
class Depth:
    """The number of exports in each state that is not final, and how long the oldest export that is due has waited."""

    counts: dict[State, int]
    oldest: timedelta


@dataclass(frozen=True, slots=True)
class TenantQueue:
    """One tenant's part of the queue at one moment. `vtime` is its virtual time: see domain/fairness.py."""

    tenant: str
    counts: dict[State, int]
    vtime: int


@dataclass(frozen=True, slots=True)
class RunningExport:
    """An export in PROCESSING and the worker that builds it."""

    export: Export
    worker_id: str


class QueueFigures(Protocol):
    """Counts and lists of exports that wait or run.

    All methods only read, and raise StoreUnavailable if the store does not answer.
    """

    async def running(self) -> dict[str, int]:
        """Return the number of exports in PROCESSING of each tenant. Tenants without any are left out."""
        ...

    async def running_exports(self, tenant: str, after_id: str, limit: int) -> list[RunningExport]:
        """Return up to `limit` exports in PROCESSING of a tenant (empty: of all tenants), sorted by id.

        Only exports with ids above `after_id` are returned (empty: from the first).
        """
        ...

    async def queue(self) -> list[TenantQueue]:
        """Return every tenant that has exports which are not done, sorted by name.

        This counts all of them: for operators only.
        """
        ...

    async def latest(self) -> datetime | None:
        """Return when any existing export last changed its state; None if there is no export."""
        ...

    async def depth(self, now: datetime) -> Depth:
        """Return the counts of the queue, for metrics."""
        ...
