"""The store of the audit trail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.api.domain.audit import Action, AuditEntry


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """The conditions for listing entries. All that are set must hold; an empty one matches every entry.

    With `tenant` None the entries of all tenants match, and those of none. `before` is exclusive.
    """

    tenant: str | None = None
    actions: frozenset[Action] = frozenset()
    resource: str = ""
    principal: str = ""
    since: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditPlace:
    """The place of an entry in a list."""

    time: datetime
    id: int


@dataclass(frozen=True, slots=True)
class AuditPage:
    """A page of entries, newest first. `rest` is the place after which the next page begins; None if there is none.

    A page may have fewer entries than were asked for, or none, and still be followed by another: see `AuditStore.page`.
    """

    entries: tuple[AuditEntry, ...]
    rest: AuditPlace | None = None


class AuditStore(Protocol):
    """The audit trail. No method changes an entry.

    The entries of changes in the store are written by the methods that make these changes, in the same transaction.
    """

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        """Add the entries of what changes nothing in the store, all or none. Raises StoreUnavailable.

        An entry whose `once` is stored already is left out. So all can be added again after an answer was lost.
        """
        ...

    async def page(self, filter_: AuditFilter, after: AuditPlace | None, limit: int) -> AuditPage:
        """Return up to `limit` entries that come after a place (None: from the newest), newest first.

        The order is by descending time, then by descending id. The store examines a bounded number of entries per page.
        """
        ...
