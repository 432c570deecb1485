"""Exports, as their callers see them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from services.api.domain.export import Export
from services.api.domain.history import Transition
from services.api.domain.states import State
from services.contract.spec import JobSpec

MAX_QUEUE_POSITION = 1000
"""Counting places in the queue stops here."""


REQUEST_ID_LASTS = timedelta(hours=24)
"""For so long a request_id stands for the export that it made."""


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
class ExportPage:
    """Exports, newest first. `next_before` is the `before_id` of the next page; empty: there is none.

    A page may have fewer than were asked for, or none, and yet be followed by another: see `ExportStore.page`.
    """

    exports: tuple[Export, ...]
    next_before: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """An export and its place in the queue."""

    export: Export
    queue_position: int


class IdKind(Enum):
    """What an id can be of."""

    EXPORT = "EXPORT"
    FILE = "FILE"
    DELIVERY = "DELIVERY"


@dataclass(frozen=True, slots=True)
class IdRange:
    """Ids from `first` to `last`, both included, all in one form."""

    first: str
    last: str


@dataclass(frozen=True, slots=True)
class IdMatch:
    """An id, what it is of, and the export that it is or belongs to."""

    kind: IdKind
    id: str
    export_id: str


class ExportStore(Protocol):
    """What callers and operators do with exports. Each change is one guarded statement, durable when the call returns.

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

    async def made_by(self, tenant: str, mark: RequestMark, now: datetime) -> Export | None:
        """The export that `mark` made within 24 h, as it is now; None: `create` would make a new one.

        Raises RequestIdReused for another digest, ExportDeleted when that export is gone.
        """
        ...

    async def get(self, tenant: str, export_id: str) -> Export | None:
        """None for one that is not there, is another tenant's, or is deleted."""
        ...

    async def placed(self, tenant: str, export_id: str) -> Placed | None:
        """As `get` and `queue_position` together."""
        ...

    async def get_by_file(self, tenant: str, file_id: str) -> Export | None:
        """The export one of whose files has this id."""
        ...

    async def ids(self, tenant: str, within: IdRange, limit: int) -> list[IdMatch]:
        """Of the tenant's exports and of their files, at most `limit` of each kind, each kind by id."""
        ...

    async def page(self, tenant: str, filter_: ExportFilter, before_id: str, limit: int) -> ExportPage:
        """Up to `limit`, newest first (by id, descending), with an id less than `before_id` (empty: from the start).

        A store looks at a bounded number of exports for one page, however few of them are wanted.
        """
        ...

    async def versions(self, export_ids: Sequence[str]) -> dict[str, int]:
        """The version of each of these, of whatever tenant; without those that are not there or deleted."""
        ...

    async def queue_position(self, export: Export) -> int:
        """1 plus the number of the tenant's QUEUED exports before this one, by priority and age; at most 1000.

        0 for one that is not QUEUED. That it is 1000 may be known from a moment before.
        """
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

    async def transitions(
        self, tenant: str, export_id: str, *, after: int = 0, limit: int | None = None
    ) -> list[Transition]:
        """The history of an export, oldest first: entries of versions above `after`; empty for one that is not there.

        `limit` None: all of them.
        """
        ...
