"""Figures of the queue, counted at a moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from services.api.domain.export import Export
from services.api.domain.states import State


@dataclass(frozen=True, slots=True)
class Depth:
    """The queue at a glance: exports in each state that is not final, and the age of the oldest that is due."""

    counts: dict[State, int]
    oldest: timedelta


@dataclass(frozen=True, slots=True)
class TenantQueue:
    """One tenant's part of the queue, as counted at a moment. `vtime` is its virtual time: see domain/fairness.py."""

    tenant: str
    counts: dict[State, int]
    vtime: int


@dataclass(frozen=True, slots=True)
class RunningExport:
    """An export in PROCESSING, and the worker that builds it."""

    export: Export
    worker_id: str


class QueueFigures(Protocol):
    """What waits and what runs. Reads only; every verb raises StoreUnavailable when the store does not answer."""

    async def running(self) -> dict[str, int]:
        """How many exports each tenant has in PROCESSING; those with none are left out."""
        ...

    async def running_exports(self, tenant: str, after_id: str, limit: int) -> list[RunningExport]:
        """Those of a tenant (empty: of all) whose ids are above `after_id` (empty: from the start), by id; at most
        `limit`.
        """
        ...

    async def queue(self) -> list[TenantQueue]:
        """Every tenant that has exports which are not done, by name. Counts them all: for operators."""
        ...

    async def latest(self) -> datetime | None:
        """When an export that is there last changed its state; None when there is none."""
        ...

    async def depth(self, now: datetime) -> Depth:
        """For metrics."""
        ...
