"""Where workers put files and callers fetch them from."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from services.contract.job import LeaseRef

T = TypeVar("T")


class ArtifactReader(Protocol):
    """An open artifact; it stays readable when its key is removed."""

    size_bytes: int

    async def read(self, offset: int, length: int, then: Callable[[bytes], T]) -> T:
        """What `then` makes of exactly `length` bytes, fewer only at the end; both off the event loop.

        One read at a time. Most begin where the last one ended: a store that is far away goes on with one stream.
        """
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

    async def sha256(self, key: str) -> str:
        """Of an object's bytes, as they are now; empty when the store does not say: gone, far away, too large."""
        ...

    async def open(self, key: str, offset: int = 0) -> ArtifactReader | None:
        """None when it is not there. The first read will most likely begin at `offset`."""
        ...

    def prefixes(self) -> AsyncIterator[StoredPrefix]:
        """Everything that workers wrote, by lease; what is written meanwhile may be missing."""
        ...

    async def remove(self, prefix: str) -> None:
        """Remove everything below a prefix. Idempotent."""
        ...
