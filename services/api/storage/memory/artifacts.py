"""An artifact store in memory."""

import hashlib
from collections.abc import AsyncGenerator, Callable
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import uuid4

from services.api.ports.artifacts import Content, StoredPrefix
from services.contract.job import LeaseRef
from services.contract.store import artifact_key, artifact_prefix, is_prefix

T = TypeVar("T")


class MemoryReader:
    """An open artifact. It stays readable after its key has been removed."""

    def __init__(self, content: bytes) -> None:
        self._content: bytes | None = content
        self.size_bytes = len(content)

    async def read(self, offset: int, length: int, then: Callable[[bytes], T]) -> T:
        """Return the result of `then` for exactly `length` bytes, fewer only at the end.

        Raises ValueError after `close`.
        """
        if self._content is None:
            raise ValueError("the reader is closed")
        return then(self._content[offset : offset + length])

    async def close(self) -> None:
        """Close the reader. Idempotent."""
        self._content = None


class MemoryArtifactStore:
    """An ArtifactStore in memory. `put` is the worker's part."""

    def __init__(self, store_id: str = "") -> None:
        self.store_id = store_id or str(uuid4())
        self._objects: dict[str, bytes] = {}
        self._modified: dict[LeaseRef, datetime] = {}

    def put(self, lease: LeaseRef, name: str, content: bytes, now: datetime) -> str:
        """Write an object and return its key. Raises ValueError if the name is invalid."""
        key = artifact_key(lease, name)
        self._objects[key] = content
        self._modified[lease] = now
        return key

    async def size(self, key: str) -> int | None:
        """Return the size of an object in bytes; None if there is no such object."""
        content = self._objects.get(key)
        return None if content is None else len(content)

    async def content(self, key: str, *, gmac_will_do: bool = False) -> Content | None:  # noqa: ARG002 - never large
        """Return what an object contains; None if there is no such object."""
        content = self._objects.get(key)
        return None if content is None else Content(len(content), hashlib.sha256(content).hexdigest())

    async def open(self, key: str, offset: int = 0) -> MemoryReader | None:  # noqa: ARG002 - every offset is equally fast
        """Open an object; return None if there is no such object."""
        content = self._objects.get(key)
        return None if content is None else MemoryReader(content)

    async def signed_url(self, key: str, life: timedelta) -> str | None:  # noqa: ARG002 - nobody serves it
        """None."""
        return None

    async def prefixes(self) -> AsyncGenerator[StoredPrefix]:
        """Iterate over the prefixes of all leases for which something was put."""
        for lease, modified in [*self._modified.items()]:
            yield StoredPrefix(lease, modified)

    async def remove(self, prefix: str) -> None:
        """Remove everything below a prefix. Idempotent. Raises ValueError if `prefix` is invalid."""
        if not is_prefix(prefix):
            raise ValueError(f"{prefix!r} is not a prefix of artifacts")
        self._objects = {key: content for key, content in self._objects.items() if not key.startswith(prefix)}
        self._modified = {lease: at for lease, at in self._modified.items() if artifact_prefix(lease) != prefix}
