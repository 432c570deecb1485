"""The artifact store: workers write files to it, and the api reads, serves and deletes them."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from services.contract.job import LeaseRef

T = TypeVar("T")


class ArtifactReader(Protocol):
    """An open artifact. It stays readable after its key has been removed."""

    size_bytes: int

    async def read(self, offset: int, length: int, then: Callable[[bytes], T]) -> T:
        """Read `length` bytes from `offset` and return the result of `then` for them.

        Fewer than `length` bytes are read only at the end of the artifact. Both the read and `then` run off the event
        loop. Only one read may be in progress at a time. Most reads begin where the previous one ended; a remote store
        may serve these from one stream.
        """
        ...

    def fill(self, offset: int, into: memoryview) -> bool:
        """Fill all of `into` with the bytes from `offset` on, if they are in memory. Return whether they were.

        It never waits for a disk or a network, so it may be called in the event loop. If it returns False, `read` gives
        the bytes, or says why there are none. Raises ValueError after `close`.
        """
        ...

    async def close(self) -> None:
        """Release the artifact. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class StoredPrefix:
    """The prefix that one lease wrote to, and when anything below it last changed."""

    lease: LeaseRef
    modified: datetime


@dataclass(frozen=True, slots=True)
class Content:
    """The content of an object: its size in bytes, and the sha256 or the GMAC of its current bytes.

    Both are empty if the store cannot tell: the object is remote, or too large to be read.
    """

    size_bytes: int
    sha256: str
    gmac: str = ""


class ArtifactStore(Protocol):
    """The store that workers write files to and that downloads are read from."""

    store_id: str
    """The UUID in the marker at the root of the store."""

    async def size(self, key: str) -> int | None:
        """Return the size of an object in bytes; None if there is no such object."""
        ...

    async def content(self, key: str, *, gmac_will_do: bool = False) -> Content | None:
        """Return what an object contains; None if there is no such object.

        With `gmac_will_do`, a large object has the code of `contract.gmac`, which is faster, in place of its sha256.
        """
        ...

    async def open(self, key: str, offset: int = 0) -> ArtifactReader | None:
        """Open an object for reading; return None if there is no such object.

        `offset` is a hint: the first read is expected to begin there.
        """
        ...

    async def signed_url(self, key: str, life: timedelta) -> str | None:
        """Return a URL with which anybody can GET an object for `life` (1 s or more); None if the store signs none."""
        ...

    def prefixes(self) -> AsyncGenerator[StoredPrefix]:
        """Iterate over the prefixes of all leases that wrote something. Prefixes created meanwhile may be missing."""
        ...

    async def remove(self, prefix: str) -> None:
        """Remove everything below a prefix. Idempotent."""
        ...
