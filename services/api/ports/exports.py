"""The store of exports, as callers and operators use it."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from services.api.domain.audit import NOBODY, Origin
from services.api.domain.export import Export
from services.api.domain.history import Transition
from services.api.domain.quotas import UNLIMITED_QUOTAS, Quotas
from services.api.domain.states import State
from services.contract.spec import JobSpec

MAX_QUEUE_POSITION = 1000
"""The largest queue position that is reported. Positions beyond it are not counted."""


REQUEST_ID_LASTS = timedelta(hours=24)
"""How long a request_id identifies the export that was created with it."""


@dataclass(frozen=True, slots=True)
class RequestMark:
    """A caller's request_id and the keyed digest of the request's body.

    `earlier` are the digests of the same body with the server's other keys, with one of which it may be stored.
    """

    request_id: str
    digest: bytes
    earlier: tuple[bytes, ...] = ()

    def fits(self, stored: bytes) -> bool:
        """Whether a stored digest is that of the same body. Each comparison takes constant time."""
        return any(hmac.compare_digest(stored, digest) for digest in (self.digest, *self.earlier))


@dataclass(frozen=True, slots=True)
class ExportFilter:
    """The conditions for listing a tenant's exports. All that are set must hold; an empty one matches every export.

    `created_before` is exclusive.
    """

    states: frozenset[State] = frozenset()
    type: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExportPage:
    """A page of exports, newest first. `next_before` is the `before_id` of the next page; empty if there is none.

    A page may have fewer exports than were asked for, or none, and still be followed by another: see
    `ExportStore.page`.
    """

    exports: tuple[Export, ...]
    next_before: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """An export and its position in the queue."""

    export: Export
    queue_position: int


class IdKind(Enum):
    """The kinds of objects that have an id."""

    EXPORT = "EXPORT"
    FILE = "FILE"
    DELIVERY = "DELIVERY"


@dataclass(frozen=True, slots=True)
class IdRange:
    """The ids from `first` to `last`, both included. Both have the same form."""

    first: str
    last: str


@dataclass(frozen=True, slots=True)
class IdMatch:
    """An id, the kind of object that it identifies, and the export that this object is or belongs to."""

    kind: IdKind
    id: str
    export_id: str


class ExportStore(Protocol):
    """The operations of callers and operators on exports.

    Each change is one guarded statement, and is durable when the call returns. The entry in the history is written in
    the same transaction as the change of state, and so are the notifications when a run ends, and the entry in the
    audit trail, which says that it was done `by` this origin. A call that changes nothing writes no entry. Every method
    raises StoreUnavailable if nothing was written. `now` is the time that decisions are based on.
    """

    async def create(
        self,
        export: Export,
        spec: JobSpec,
        mark: RequestMark | None,
        sealed_password: bytes | None = None,
        quotas: Quotas = UNLIMITED_QUOTAS,
        *,
        by: Origin = NOBODY,
    ) -> Export:
        """Store a new export, or return the current version of the one that was created with `mark` within 24 h.

        `sealed_password` is given if and only if the export is encrypted. It is erased in the transaction that ends the
        export. Raises RequestIdReused if `mark` has the request_id of another digest, ExportDeleted if the earlier
        export was deleted.
        """
        ...

    async def made_by(self, tenant: str, mark: RequestMark, now: datetime) -> Export | None:
        """Return the current version of the export that was created with `mark` within 24 h.

        Return None if `create` would store a new one. Raises RequestIdReused if `mark` has the request_id of another
        digest, ExportDeleted if that export was deleted.
        """
        ...

    async def get(self, tenant: str, export_id: str) -> Export | None:
        """Return an export; None if it does not exist, belongs to another tenant, or was deleted."""
        ...

    async def placed(self, tenant: str, export_id: str) -> Placed | None:
        """Return an export with its queue position: `get` and `queue_position` in one call."""
        ...

    async def get_by_file(self, tenant: str, file_id: str) -> Export | None:
        """Return the export that has a file with this id; None if there is none of this tenant."""
        ...

    async def ids(self, tenant: str, within: IdRange, limit: int) -> list[IdMatch]:
        """Return the tenant's exports and files with ids in a range: at most `limit` of each kind, sorted by id."""
        ...

    async def page(self, tenant: str, filter_: ExportFilter, before_id: str, limit: int) -> ExportPage:
        """Return up to `limit` exports with ids below `before_id` (empty: from the newest), newest first.

        The order is by descending id. The store examines a bounded number of exports per page. A page can therefore
        have fewer than `limit` exports, or none, although older ones match.
        """
        ...

    async def versions(self, export_ids: Sequence[str]) -> dict[str, int]:
        """Return the version of each of these exports, of any tenant.

        Exports that do not exist or were deleted are left out.
        """
        ...

    async def queue_position(self, export: Export) -> int:
        """Return 1 plus the number of the tenant's QUEUED exports that precede this one, at most 1000.

        The order is by priority, then by age. Return 0 for an export that is not QUEUED. A position of 1000 may be
        slightly out of date, since it may be cached.
        """
        ...

    async def first_queued(self, tenant: str) -> list[str]:
        """Return the ids of the tenant's first QUEUED exports in queue order, at most MAX_QUEUE_POSITION of them."""
        ...

    async def cancel(
        self, tenant: str, export_id: str, now: datetime, *, only_if_queued: bool, by: Origin = NOBODY
    ) -> tuple[Export, str]:
        """Cancel an export. Return it with the id of the lease that was in force; empty if there was none.

        An export that is already CANCELLED is returned unchanged, with an empty lease id. Raises ExportNotFound,
        IllegalTransition, NotQueued.
        """
        ...

    async def delete(self, tenant: str, export_id: str, now: datetime, *, by: Origin = NOBODY) -> Export | None:
        """Delete an export and leave a tombstone. Return what was deleted; None if it was deleted before.

        Raises ExportNotFound, IllegalTransition.
        """
        ...

    async def retry(
        self,
        tenant: str,
        export_id: str,
        budget: int,
        sealed_password: bytes | None,
        now: datetime,
        *,
        by: Origin = NOBODY,
    ) -> Export:
        """Begin a new run, with `budget` more attempts, of an export that was CANCELLED but not on request.

        `sealed_password` is given if and only if the export is encrypted. Raises ExportNotFound, IllegalTransition,
        PasswordRequired.
        """
        ...

    async def transitions(
        self, tenant: str, export_id: str, *, after: int = 0, limit: int | None = None
    ) -> list[Transition]:
        """Return the history of an export, oldest first: the entries with versions above `after`, at most `limit`.

        With `limit` None all entries are returned. The history of an export that does not exist is empty.
        """
        ...
