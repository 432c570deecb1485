"""Artifacts in memory."""

import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import TypeVar
from uuid import uuid4

from services.api.ports.artifacts import StoredPrefix
from services.contract.job import LeaseRef
from services.contract.store import artifact_key, artifact_prefix, is_prefix

T = TypeVar("T")


class MemoryReader:
    """An open artifact; it stays readable when its key is removed."""

    def __init__(self, content: bytes) -> None:
        self._content: bytes | None = content
        self.size_bytes = len(content)

    async def read(self, offset: int, length: int, then: Callable[[bytes], T]) -> T:
        """What `then` makes of exactly `length` bytes, fewer only at the end. ValueError after close."""
        if self._content is None:
            raise ValueError("the reader is closed")
        return then(self._content[offset : offset + length])

    async def close(self) -> None:
        """Idempotent."""
        self._content = None


class MemoryArtifactStore:
    """An ArtifactStore in memory, and `put`, which is the worker's part."""

    def __init__(self, store_id: str = "") -> None:
        self.store_id = store_id or str(uuid4())
        self._objects: dict[str, bytes] = {}
        self._modified: dict[LeaseRef, datetime] = {}

    def put(self, lease: LeaseRef, name: str, content: bytes, now: datetime) -> str:
        """Write an object; returns its key. ValueError for a name that no object may have."""
        key = artifact_key(lease, name)
        self._objects[key] = content
        self._modified[lease] = now
        return key

    async def size(self, key: str) -> int | None:
        """Bytes of an object; None when it is not there."""
        content = self._objects.get(key)
        return None if content is None else len(content)

    async def sha256(self, key: str) -> str:
        """Of an object's bytes; empty when it is not there."""
        content = self._objects.get(key)
        return "" if content is None else hashlib.sha256(content).hexdigest()

    async def open(self, key: str, offset: int = 0) -> MemoryReader | None:  # noqa: ARG002 - any place is as near
        """None when it is not there."""
        content = self._objects.get(key)
        return None if content is None else MemoryReader(content)

    async def prefixes(self) -> AsyncIterator[StoredPrefix]:
        """Everything that was put, by lease."""
        for lease, modified in [*self._modified.items()]:
            yield StoredPrefix(lease, modified)

    async def remove(self, prefix: str) -> None:
        """Remove everything below a prefix. Idempotent. ValueError for a prefix that cannot be one."""
        if not is_prefix(prefix):
            raise ValueError(f"{prefix!r} is not a prefix of artifacts")
        self._objects = {key: content for key, content in self._objects.items() if not key.startswith(prefix)}
        self._modified = {lease: at for lease, at in self._modified.items() if artifact_prefix(lease) != prefix}
