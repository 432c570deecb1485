"""What is stored under the server's keys, for a rotation of the keys."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SealedPassword:
    """The sealed password of an export."""

    export_id: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class InUse:
    """How many values in use begin with which head; the head says which key they need.

    `passwords` are those of exports that are not done, `keys` the digests of valid API keys and worker tokens,
    `requests` the digests of requests, `links` those of valid download links. `callbacks` are the tenants
    with callbacks.
    """

    passwords: dict[bytes, int]
    keys: dict[bytes, int]
    requests: dict[bytes, int]
    links: dict[bytes, int]
    callbacks: tuple[str, ...]


class SealedStore(Protocol):
    """Sealed values and keyed digests."""

    async def in_use(self, now: datetime) -> InUse:
        """Return what needs a key at `now`. Values without the id of a key have an empty head."""
        ...

    async def passwords(self, after_id: str, limit: int) -> Sequence[SealedPassword]:
        """Return up to `limit` passwords of exports with ids above `after_id`, sorted by id."""
        ...

    async def reseal(self, changes: Sequence[tuple[SealedPassword, bytes]]) -> int:
        """Replace each password that is still stored as it was read, and return how many there were. Idempotent."""
        ...
