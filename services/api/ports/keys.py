"""The store of callers' API keys and workers' tokens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.api.domain.audit import NOBODY, Origin
from services.api.domain.keys import Holder, Key


class KeyStore(Protocol):
    """The keys. Revoked and expired keys are kept, so that entries in logs can be traced to their holder.

    The entry in the audit trail is written in the same transaction as the change; see ExportStore.
    """

    async def add(self, key: Key, *, by: Origin = NOBODY) -> None:
        """Store a new key, whose id must not be in use. `by` is who made it."""
        ...

    async def find(self, key_id: str) -> Key | None:
        """Return the key with this id, valid or not; None if there is none."""
        ...

    async def any(self, holder: Holder) -> bool:
        """Whether any key of this kind exists, valid or not. Once one exists, calls without a key are refused."""
        ...

    async def page(self, tenant: str | None, after_id: str, limit: int) -> Sequence[Key]:
        """Return up to `limit` keys of a tenant with ids above `after_id`, sorted by id.

        With `tenant` None all keys are returned, including workers' tokens.
        """
        ...

    async def replace(self, old_id: str, new: Key, ends: datetime, now: datetime, *, by: Origin = NOBODY) -> bool:
        """Add `new` and let the old key expire at `ends`, unless it expires earlier, in one transaction.

        Return False and change nothing if the old key is not valid at `now`: a rotation must not bring back a revoked
        key.
        """
        ...

    async def redigest(self, key_id: str, before: bytes, after: bytes) -> None:
        """Store another digest of a key if its digest is still `before`. Idempotent."""
        ...

    async def revoke(self, key_id: str, tenant: str | None, now: datetime, *, by: Origin = NOBODY) -> Key | None:
        """Revoke a key and return it, also if it was revoked before.

        Return None if there is no such key or, with a tenant, if it belongs to another one.
        """
        ...
