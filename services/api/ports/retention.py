"""What is over and may go."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from services.contract.job import LeaseRef


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

    async def erase(self) -> bool:
        """Leave nothing on disk of what the store no longer holds, such as passwords; False: delayed, call it again."""
        ...
