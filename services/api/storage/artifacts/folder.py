"""An artifact store in a folder that the workers share."""

import asyncio
import hashlib
import os
import threading
import uuid
import weakref
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta
from io import FileIO
from pathlib import Path
from typing import Protocol, Self, TypeVar

from services.api.ports.artifacts import Content, StoredPrefix
from services.contract.gmac import Gmac
from services.contract.job import LeaseRef
from services.contract.store import MARKER, folder_of, is_key, is_part, is_prefix, marker_of, store_id_in
from services.runtime import beneath, logs
from services.runtime.durable import create_once
from services.runtime.ownership import own_folder
from services.runtime.removal import nothing_there, remove_inner
from services.runtime.startup import CannotStart

MAX_HASHED_BYTES = 256 << 20
"""The largest object that is read when it is published: in 60 ms for its GMAC, or in 200 for its sha256.

A larger one is checked when it is sent.
"""

SURELY_HASHED_BYTES = 8 << 20
"""An object of up to this size is always hashed, since that takes only a few milliseconds."""

MAX_HASHING = 2
"""How many objects are hashed at once. Each takes one of the threads that also send files."""

_BLOCK_BYTES = 256 << 10  # stays in the processor's cache

T = TypeVar("T")


class MarkerUnreadable(CannotStart):
    """The marker of the folder does not contain a UUID."""

    def __init__(self, marker: Path) -> None:
        super().__init__(
            f"{marker} does not hold the UUID of an artifact store: put the right folder into EXPORTD_ARTIFACTS, "
            "or remove that file if the folder is to become a new store"
        )


class FolderArtifactStore:
    """An ArtifactStore in a local folder.

    A key that leads out of the folder, or to its own files, is treated as missing.
    """

    def __init__(self, root: Path, store_id: str) -> None:
        self._root = root
        self.store_id = store_id
        self._hashing = asyncio.Semaphore(MAX_HASHING)

    @classmethod
    def in_folder(cls, root: Path) -> Self:
        """Open a folder, and create it and its marker if they are missing.

        Several processes may do so at once. Raises MarkerUnreadable, NotOurs, OSError.
        """
        own_folder(root)
        marker = root / MARKER
        content = create_once(marker, marker_of(str(uuid.uuid4())))
        try:
            return cls(root, store_id_in(content))
        except ValueError as error:
            raise MarkerUnreadable(marker) from error

    async def size(self, key: str) -> int | None:
        """Return the size of an object in bytes; None if there is no such object."""
        return await asyncio.to_thread(self.size_now, key)

    async def content(self, key: str, *, gmac_will_do: bool = False) -> Content | None:
        """Return what an object contains; None if there is no such object.

        One that is larger than MAX_HASHED_BYTES is not read. With `gmac_will_do`, one that is larger than
        SURELY_HASHED_BYTES has its GMAC in place of its sha256.
        """
        async with self._hashing:
            return await asyncio.to_thread(self.content_now, key, gmac_will_do=gmac_will_do)

    async def open(self, key: str, offset: int = 0) -> "FileReader | None":  # noqa: ARG002 - every offset is equally fast
        """Open an object; return None if there is no such object."""
        return await asyncio.to_thread(self.open_now, key)

    async def signed_url(self, key: str, life: timedelta) -> str | None:  # noqa: ARG002 - nobody serves it
        """None."""
        return None

    async def prefixes(self) -> AsyncGenerator[StoredPrefix]:
        """Iterate over the prefixes of all leases that wrote something.

        Prefixes that appear or disappear meanwhile may be missing.
        """
        for export_id in await asyncio.to_thread(_folders, self._root):
            for prefix in await asyncio.to_thread(_leases_of, self._root, export_id):
                yield prefix

    async def remove(self, prefix: str) -> None:
        """Remove everything below a prefix, and then the export's folder if it is empty. Idempotent.

        Raises ValueError if `prefix` is invalid.
        """
        if not is_prefix(prefix):
            raise ValueError(f"{prefix!r} is not a prefix of artifacts")
        folder = folder_of(self._root, prefix)
        await asyncio.to_thread(remove_inner, self._root, folder.parent.name, folder.name)

    def size_now(self, key: str) -> int | None:
        """Return the same as `size`, in the caller's thread."""
        descriptor = self._descriptor(key)
        if descriptor is None:
            return None
        try:
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)

    def content_now(self, key: str, *, gmac_will_do: bool = False) -> Content | None:
        """Return the same as `content`, in the caller's thread."""
        descriptor = self._descriptor(key)
        if descriptor is None:
            return None
        with FileIO(descriptor) as file:
            size = os.fstat(descriptor).st_size
            if size > MAX_HASHED_BYTES:
                return Content(size, "")
            if gmac_will_do and size > SURELY_HASHED_BYTES:
                return Content(size, "", _digest(file, Gmac(key)))
            return Content(size, _digest(file, hashlib.sha256()))

    def open_now(self, key: str) -> "FileReader | None":
        """Return the same as `open`, in the caller's thread."""
        descriptor = self._descriptor(key)
        return None if descriptor is None else FileReader(descriptor)

    def _descriptor(self, key: str) -> int | None:
        """Open the file exactly where the key says.

        Links are not followed, since they may lead to any file of the machine.
        """
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


class _Digest(Protocol):
    def update(self, data: memoryview, /) -> None: ...

    def hexdigest(self) -> str: ...


def _digest(file: FileIO, digest: _Digest) -> str:
    block = memoryview(bytearray(_BLOCK_BYTES))
    while read := file.readinto(block):
        digest.update(block[:read])
    return digest.hexdigest()


def _folders(root: Path, *steps: str) -> list[str]:
    """Return the folders that may contain artifacts. Other entries are ignored."""
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
    """Return when something in a folder last changed; None if the folder is gone."""
    with nothing_there(), beneath.folder(root, steps, listed=True) as folder, os.scandir(folder) as entries:
        latest = max((entry.stat(follow_symlinks=False).st_mtime for entry in entries), default=0.0)
        return datetime.fromtimestamp(max(latest, os.fstat(folder).st_mtime), UTC)
    return None


class FileReader:
    """An open file. Its bytes can be read even after its name is removed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        # If the caller was cancelled while the file was opened, nobody else closes it.
        self._closing = weakref.finalize(self, os.close, descriptor)
        # Without the lock, a descriptor closed during a read might already belong to another file.
        self._lock = threading.Lock()
        self.size_bytes = os.fstat(descriptor).st_size

    async def read(self, offset: int, length: int, then: Callable[[bytes], T]) -> T:
        """Return the result of `then` for exactly `length` bytes, fewer only at the end.

        Both run in one thread. Raises ValueError after `close`.
        """
        return await asyncio.to_thread(lambda: then(self.read_now(offset, length)))

    def fill(self, offset: int, into: memoryview) -> bool:
        """Fill all of `into`, if the system has the bytes in memory. Return whether it has.

        Raises ValueError after `close`.
        """
        with self._lock:
            filled = 0
            while filled < len(into) and (more := self._pread_cached(offset + filled, into[filled:])):
                filled += more
            return filled == len(into)

    async def close(self) -> None:
        """Close the file. Idempotent."""
        await asyncio.to_thread(self._close)

    def read_now(self, offset: int, length: int) -> bytes:
        """Return the bytes, read in the caller's thread."""
        with self._lock:
            chunk = b""
            while len(chunk) < length and (more := self._pread(offset + len(chunk), length - len(chunk))):
                chunk += more
            return chunk

    def _pread(self, offset: int, length: int) -> bytes:
        if self._descriptor is None:
            raise ValueError("the reader is closed")
        return os.pread(self._descriptor, length, offset)

    def _pread_cached(self, offset: int, into: memoryview) -> int:
        """Return how many bytes were read; 0 if none are in memory, or the file system cannot tell."""
        if self._descriptor is None:
            raise ValueError("the reader is closed")
        try:
            return os.preadv(self._descriptor, (into,), offset, os.RWF_NOWAIT)
        except OSError:
            return 0

    def _close(self) -> None:
        with self._lock:
            if self._descriptor is not None:
                self._closing()
                self._descriptor = None
