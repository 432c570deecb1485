"""The removal of what is no longer needed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from services.contract.job import LeaseRef


class Kept(Enum):
    """What an artifact means to the store of exports."""

    NEEDED = "a file, or one that may still become one"
    OVER = "of no use any more"
    UNKNOWN = "of no export that is known"


class RetentionStore(Protocol):
    """Decides and removes what is no longer needed. Every method is bounded and idempotent."""

    async def belongs_to(self, store_id: str, *, is_empty: bool) -> str:
        """Return the id of the artifact store of this database; if it has none yet, bind it to `store_id`.

        Return an empty string if it has none yet and the files in `store_id` cannot belong to it, because this database
        knows no export.
        """
        ...

    async def artifact_store(self) -> str:
        """The artifact store of this database; empty when there is none yet."""
        ...

    async def kept(self, leases: Sequence[LeaseRef], now: datetime, grace: timedelta) -> list[Kept]:
        """Return what the artifacts of each lease are, in the same order.

        A file is NEEDED until `grace` after it expired or its export was deleted.
        """
        ...

    async def forget(self, now: datetime, rows_kept: timedelta, limit: int) -> int:
        """Remove rows that are no longer needed, up to `limit` of each kind. Return how many rows were removed.

        These are exports that have been done for `rows_kept`, tombstones, lapsed request_ids, and download links that
        have expired KEPT_AFTER_END ago. An export with a notification that is still to be sent is kept.
        """
        ...

    async def forget_audit(self, before: datetime, limit: int) -> int:
        """Remove up to `limit` of the oldest entries of the audit trail from before a time. Return how many."""
        ...

    async def erase(self) -> bool:
        """Remove from the disk what the store no longer holds, such as passwords.

        Return False if this was delayed: call it again.
        """
        ...
