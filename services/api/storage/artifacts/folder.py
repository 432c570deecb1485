"""Artifacts in a folder that the workers share."""

import asyncio
import hashlib
import os
import threading
import uuid
import weakref
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Self, TypeVar

from services.api.ports.artifacts import StoredPrefix
from services.contract.job import LeaseRef
from services.contract.store import MARKER, folder_of, is_key, is_part, is_prefix, marker_of, store_id_in
from services.runtime import beneath, logs
from services.runtime.durable import create_once
from services.runtime.ownership import own_folder
from services.runtime.removal import nothing_there, remove_inner
from services.runtime.startup import CannotStart

MAX_HASHED_BYTES = 256 << 20
"""Of an object that is hashed when it is published: half a second's work. A larger one is checked when it is sent."""

MAX_HASHING = 2
"""Objects that are hashed at once: they take a thread each, of those that also send files."""

_BLOCK_BYTES = 1 << 20

T = TypeVar("T")


class MarkerUnreadable(CannotStart):
    """The folder's marker does not hold a UUID."""

    def __init__(self, marker: Path) -> None:
        super().__init__(
            f"{marker} does not hold the UUID of an artifact store: put the right folder into EXPORTD_ARTIFACTS, "
            "or remove that file if the folder is to become a new store"
        )


class FolderArtifactStore:
    """An ArtifactStore over a local folder. A key that would lead out of it, or to its own files, names nothing."""

    def __init__(self, root: Path, store_id: str) -> None:
        self._root = root
        self.store_id = store_id
        self._hashing = asyncio.Semaphore(MAX_HASHING)

    @classmethod
    def in_folder(cls, root: Path) -> Self:
        """Make the folder and its marker where they are missing; several processes may do so at once.

        Raises MarkerUnreadable, NotOurs, OSError.
        """
        own_folder(root)
        marker = root / MARKER
        content = create_once(marker, marker_of(str(uuid.uuid4())))
        try:
            return cls(root, store_id_in(content))
        except ValueError as error:
            raise MarkerUnreadable(marker) from error

    async def size(self, key: str) -> int | None:
        """Bytes of an object; None when it is not there."""
        return await asyncio.to_thread(self.size_now, key)

    async def sha256(self, key: str) -> str:
        """Of an object's bytes; empty when it is not there, or has more than MAX_HASHED_BYTES."""
        async with self._hashing:
            return await asyncio.to_thread(self.sha256_now, key)

    async def open(self, key: str, offset: int = 0) -> "FileReader | None":  # noqa: ARG002 - any place is as near
        """None when it is not there."""
        return await asyncio.to_thread(self.open_now, key)

    async def prefixes(self) -> AsyncIterator[StoredPrefix]:
        """Everything that workers wrote, by lease; what comes or goes meanwhile may be missing."""
        for export_id in await asyncio.to_thread(_folders, self._root):
            for prefix in await asyncio.to_thread(_leases_of, self._root, export_id):
                yield prefix

    async def remove(self, prefix: str) -> None:
        """Remove everything below a prefix, and its export's folder when it is empty then. Idempotent.

        ValueError for a prefix that cannot be one.
        """
        if not is_prefix(prefix):
            raise ValueError(f"{prefix!r} is not a prefix of artifacts")
        folder = folder_of(self._root, prefix)
        await asyncio.to_thread(remove_inner, self._root, folder.parent.name, folder.name)

    def size_now(self, key: str) -> int | None:
        """As `size`, in the caller's thread."""
        descriptor = self._descriptor(key)
        if descriptor is None:
            return None
        try:
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)

    def sha256_now(self, key: str) -> str:
        """As `sha256`, in the caller's thread."""
        descriptor = self._descriptor(key)
        if descriptor is None:
            return ""
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            return _sha256(file) if os.fstat(descriptor).st_size <= MAX_HASHED_BYTES else ""

    def open_now(self, key: str) -> "FileReader | None":
        """As `open`, in the caller's thread."""
        descriptor = self._descriptor(key)
        return None if descriptor is None else FileReader(descriptor)

    def _descriptor(self, key: str) -> int | None:
        """A file that lies where its key says, and nowhere else: what is linked may be any file of this machine."""
        if not is_key(key):
            return None
        try:
            return beneath.open_file(self._root, key.split("/"))
        except beneath.OtherNames:
            logs.get().error("artifact_is_hard_link", key=key)
            return None
        except OSError as error:
            if error.errno in beneath.NOTHING_THERE:
                return None
            raise


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def _folders(root: Path, *steps: str) -> list[str]:
    """Those that may hold artifacts: what else lies here is somebody else's."""
    with nothing_there(), beneath.folder(root, steps, listed=True) as folder, os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if is_part(entry.name) and entry.is_dir(follow_symlinks=False))
    return []


def _leases_of(root: Path, export_id: str) -> list[StoredPrefix]:
    return [
        StoredPrefix(LeaseRef(export_id, lease_id), modified)
        for lease_id in _folders(root, export_id)
        if (modified := _modified(root, export_id, lease_id)) is not None
    ]


def _modified(root: Path, *steps: str) -> datetime | None:
    """When something in a folder last changed; None when it is gone."""
    with nothing_there(), beneath.folder(root, steps, listed=True) as folder, os.scandir(folder) as entries:
        latest = max((entry.stat(follow_symlinks=False).st_mtime for entry in entries), default=0.0)
        return datetime.fromtimestamp(max(latest, os.fstat(folder).st_mtime), UTC)
    return None


class FileReader:
    """An open file; its bytes stay when its name is removed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        # An open that went on after its caller had left has nobody else to close it.
        self._closing = weakref.finalize(self, os.close, descriptor)
        # A descriptor that is closed during a read may be another file's by the time the read begins.
        self._lock = threading.Lock()
        self.size_bytes = os.fstat(descriptor).st_size

    async def read(self, offset: int, length: int, then: Callable[[bytes], T]) -> T:
        """What `then` makes of exactly `length` bytes, fewer only at the end, in one thread. ValueError after close."""
        return await asyncio.to_thread(lambda: then(self.read_now(offset, length)))

    async def close(self) -> None:
        """Idempotent."""
        await asyncio.to_thread(self._close)

    def read_now(self, offset: int, length: int) -> bytes:
        """The bytes themselves, in the caller's thread."""
        with self._lock:
            chunk = b""
            while len(chunk) < length and (more := self._pread(offset + len(chunk), length - len(chunk))):
                chunk += more
            return chunk

    def _pread(self, offset: int, length: int) -> bytes:
        if self._descriptor is None:
            raise ValueError("the reader is closed")
        return os.pread(self._descriptor, length, offset)

    def _close(self) -> None:
        with self._lock:
            if self._descriptor is not None:
                self._closing()
                self._descriptor = None
