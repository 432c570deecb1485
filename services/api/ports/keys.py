"""The keys of callers and workers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.api.domain.keys import Holder, Key


class KeyStore(Protocol):
    """Keys, which stay when they are revoked: whoever looks for what one did finds whose it was."""

    async def add(self, key: Key) -> None:
        """Keep a new key; its id is nobody's."""
        ...

    async def find(self, key_id: str) -> Key | None:
        """The key with this id, valid or not."""
        ...

    async def any(self, holder: Holder) -> bool:
        """Whether there is any key of this kind, valid or not: from the first one on, nobody is let in without."""
        ...

    async def page(self, tenant: str | None, after_id: str, limit: int) -> Sequence[Key]:
        """Keys by id, those of one tenant or, with None, all, workers' tokens included."""
        ...

    async def replace(self, old_id: str, new: Key, ends: datetime, now: datetime) -> bool:
        """Add `new` and have the old key end at `ends`, unless it ends before: both, or nothing.

        False, and nothing is done, for a key that is not valid at `now`: a rotation brings no revoked key back.
        """
        ...

    async def revoke(self, key_id: str, tenant: str | None, now: datetime) -> Key | None:
        """The key, revoked now or before; None when there is none, or, with a tenant, none of this tenant."""
        ...
