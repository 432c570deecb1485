"""What the use cases need from the outside."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from services.api.domain.export import Export, StoredFile
from services.api.domain.history import Transition
from services.api.domain.leases import Claimed, Standing
from services.api.domain.notifications import Delivery, Held
from services.api.domain.retry import GiveUp, RetryAfter
from services.api.domain.states import State
from services.contract.job import LeaseRef
from services.contract.outcome import Failure, RunStats
from services.contract.spec import JobSpec

Clock = Callable[[], datetime]
"""The time now, in UTC."""


MAX_QUEUE_POSITION = 1000
"""Counting places in the queue stops here."""


@dataclass(frozen=True, slots=True)
class RequestMark:
    """A caller's request_id and the keyed digest of the request's body."""

    request_id: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class ExportFilter:
    """Which exports of a tenant to list; all that is set must hold; empty means any. `created_before` is exclusive."""

    states: frozenset[State] = frozenset()
    type: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    created_after: datetime | None = None
    created_before: datetime | None = None


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


class ExportStore(Protocol):
    """Exports and their leases. Each change is one guarded statement, durable when the call returns.

    With each change of state its entry in the history is written, and with each end its announcements, in the same
    transaction. Every verb raises StoreUnavailable when nothing was written. `now` is the time that decides.
    """

    async def create(
        self, export: Export, spec: JobSpec, mark: RequestMark | None, sealed_password: bytes | None = None
    ) -> Export:
        """Store a new export, or return the one that `mark` made within 24 h, as it is now.

        `sealed_password` comes with an encrypted export, exactly; it is erased in the transaction that ends the export.
        Raises RequestIdReused for another digest, ExportDeleted when that export is gone.
        """
        ...

    async def get(self, tenant: str, export_id: str) -> Export | None:
        """None for one that is not there, is another tenant's, or is deleted."""
        ...

    async def get_by_file(self, tenant: str, file_id: str) -> Export | None:
        """The export one of whose files has this id."""
        ...

    async def page(self, tenant: str, wanted: ExportFilter, before_id: str, limit: int) -> list[Export]:
        """Newest first (by id, descending), those with an id less than `before_id` (empty: from the start)."""
        ...

    async def queue_position(self, export: Export) -> int:
        """1 plus the number of the tenant's QUEUED exports before this one, by priority and age; at most 1000."""
        ...

    async def first_queued(self, tenant: str) -> list[str]:
        """Ids of the tenant's first QUEUED exports, first in the queue first; at most MAX_QUEUE_POSITION."""
        ...

    async def cancel(self, tenant: str, export_id: str, now: datetime, *, only_if_queued: bool) -> tuple[Export, str]:
        """CANCELLED now, and the lease_id that was in force (empty: none). Already CANCELLED: unchanged, and empty.

        Raises ExportNotFound, IllegalTransition, NotQueued.
        """
        ...

    async def delete(self, tenant: str, export_id: str, now: datetime) -> Export | None:
        """Leave a tombstone; returns what was deleted, None when it was deleted before.

        Raises ExportNotFound, IllegalTransition.
        """
        ...

    async def retry(
        self, tenant: str, export_id: str, budget: int, sealed_password: bytes | None, now: datetime
    ) -> Export:
        """Begin a new run of an export that is CANCELLED, but not on request, with `budget` more attempts.

        `sealed_password` comes with an encrypted export, exactly. Raises ExportNotFound, IllegalTransition,
        PasswordRequired.
        """
        ...

    async def transitions(self, tenant: str, export_id: str) -> list[Transition]:
        """The history of an export, oldest first; empty for one that is not there."""
        ...

    async def running(self) -> dict[str, int]:
        """How many exports each tenant has in PROCESSING; those with none are left out."""
        ...

    async def queue(self) -> list[TenantQueue]:
        """Every tenant that has exports which are not done, by name. Counts them all: for operators."""
        ...

    async def claim(self, worker_id: str, poll_id: str, limit: int, now: datetime) -> list[Claimed]:
        """Lease up to `limit` due exports; if this poll leased some that are unconfirmed still, exactly those again.

        Tenants take turns, as domain/fairness.py says; each one's own go by priority, then by age.
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

    async def fail(self, lease: LeaseRef, failure: Failure, fate: RetryAfter | GiveUp, now: datetime) -> Export | None:
        """End the attempt; None when the same lease had failed before. Raises Fenced."""
        ...

    async def release(self, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        """Give back the attempts of those that still count; returns their exports, QUEUED."""
        ...

    async def expire(self, now: datetime) -> list[Export]:
        """End every lease whose deadline is over; returns the exports as they are then."""
        ...

    async def depth(self, now: datetime) -> Depth:
        """For metrics."""
        ...


class Outbox(Protocol):
    """Announcements of ends, put there by the transaction that ended an export: held, tried and settled like jobs.

    Every verb raises StoreUnavailable when nothing was written.
    """

    async def hold(self, limit: int, until: datetime, now: datetime) -> list[Held]:
        """Take up to `limit` due deliveries; nobody else gets one before `until`. Counts a try of each."""
        ...

    async def next_due(self) -> datetime | None:
        """When the next delivery is due, perhaps in the past; None when nothing is PENDING."""
        ...

    async def oldest(self, now: datetime) -> timedelta:
        """How long the oldest delivery that is PENDING has been; zero when there is none."""
        ...

    async def sent(self, held: Held, outcome: str, now: datetime) -> bool:
        """The receiver accepted it; the export says so from now on. False when the hold had lapsed."""
        ...

    async def try_again(self, held: Held, outcome: str, due: datetime, now: datetime) -> bool:
        """It did not work, and is due again at `due`. False when the hold had lapsed."""
        ...

    async def give_up(self, held: Held, outcome: str, now: datetime) -> bool:
        """It did not work, and no try is left. False when the hold had lapsed."""
        ...

    async def put_back(self, held: Sequence[Held], due: datetime) -> None:
        """These were not tried: as if they had not been held, but due at `due`. Skips those whose hold had lapsed."""
        ...

    async def deliveries(self, tenant: str, export_id: str) -> list[Delivery]:
        """Those of an export, deleted or not, the first run first."""
        ...

    async def redeliver(self, tenant: str, delivery_id: str, now: datetime) -> Delivery:
        """Make it due now, with all its tries before it again; whatever it was. Raises DeliveryNotFound."""
        ...


class Kept(Enum):
    """What an artifact is to the store of exports."""

    NEEDED = "a file, or one that may still become one"
    OVER = "of no use any more"
    UNKNOWN = "of no export that is known"


class RetentionStore(Protocol):
    """What is over and may go. Every verb is bounded and idempotent."""

    async def belongs_to(self, store_id: str, *, is_empty: bool) -> str:
        """The artifact store of this database, from now on `store_id` when there was none yet.

        Empty when there was none and the files in `store_id` cannot be of this database, which knows no export.
        """
        ...

    async def kept(self, leases: Sequence[LeaseRef], now: datetime, grace: timedelta) -> list[Kept]:
        """What the artifacts of each lease are, in the same order: a file is NEEDED until `grace` after its end."""
        ...

    async def forget(self, now: datetime, rows_kept: timedelta, limit: int) -> int:
        """Remove up to `limit` each of exports done for `rows_kept`, tombstones, and request_ids that have lapsed.

        An export whose announcement is still to be sent stays. Returns how many were removed.
        """
        ...


class ArtifactReader(Protocol):
    """An open artifact; it stays readable when its key is removed."""

    size_bytes: int

    async def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes, fewer only at the end. Off the event loop."""
        ...

    async def close(self) -> None:
        """Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class StoredPrefix:
    """Where one lease wrote, and when something last changed there."""

    lease: LeaseRef
    modified: datetime


class ArtifactStore(Protocol):
    """Where workers put files and callers fetch them from."""

    store_id: str
    """The UUID in the marker at its root."""

    async def size(self, key: str) -> int | None:
        """Bytes of an object; None when it is not there."""
        ...

    async def open(self, key: str) -> ArtifactReader | None:
        """None when it is not there."""
        ...

    def prefixes(self) -> AsyncIterator[StoredPrefix]:
        """Everything that workers wrote, by lease; what is written meanwhile may be missing."""
        ...

    async def remove(self, prefix: str) -> None:
        """Remove everything below a prefix. Idempotent."""
        ...
