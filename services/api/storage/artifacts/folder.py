"""Artifacts in a folder that the workers share."""

import asyncio
import os
import shutil
import stat
import threading
import uuid
import weakref
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from services.api.ports.artifacts import StoredPrefix
from services.contract.job import LeaseRef
from services.contract.store import MARKER, folder_of, is_key, is_part, is_prefix, marker_of, store_id_in
from services.runtime.durable import create_once, make_private
from services.runtime.startup import CannotStart


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

    @classmethod
    def in_folder(cls, root: Path) -> Self:
        """Make the folder and its marker where they are missing; several processes may do so at once.

        Raises MarkerUnreadable, OSError.
        """
        make_private(root)
        marker = root / MARKER
        content = create_once(marker, marker_of(str(uuid.uuid4())))
        try:
            return cls(root, store_id_in(content))
        except ValueError as error:
            raise MarkerUnreadable(marker) from error

    async def size(self, key: str) -> int | None:
        """Bytes of an object; None when it is not there."""
        return await asyncio.to_thread(self._size, key)

    async def open(self, key: str) -> "FileReader | None":
        """None when it is not there."""
        return await asyncio.to_thread(self._open, key)

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
            raise ValueError(f"{prefix!r} is no prefix of artifacts")
        await asyncio.to_thread(_remove, folder_of(self._root, prefix))

    def _size(self, key: str) -> int | None:
        if not is_key(key):
            return None
        with suppress(FileNotFoundError, NotADirectoryError):
            found = (self._root / key).lstat()
            return found.st_size if stat.S_ISREG(found.st_mode) else None
        return None

    def _open(self, key: str) -> "FileReader | None":
        if self._size(key) is None:
            return None
        with suppress(FileNotFoundError):
            return FileReader(os.open(self._root / key, os.O_RDONLY | os.O_NOFOLLOW))
        return None


def _remove(prefix: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(prefix)
    with suppress(OSError):  # another lease of the export has files, or is about to
        prefix.parent.rmdir()


def _folders(parent: Path) -> list[str]:
    """Those that may hold artifacts: what else lies here is somebody else's."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(parent) as found:
        return sorted(entry.name for entry in found if is_part(entry.name) and _is_folder(entry))
    return []


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    return entry.is_dir(follow_symlinks=False)


def _leases_of(root: Path, export_id: str) -> list[StoredPrefix]:
    return [
        StoredPrefix(LeaseRef(export_id, lease_id), modified)
        for lease_id in _folders(root / export_id)
        if (modified := _modified(root / export_id / lease_id)) is not None
    ]


def _modified(folder: Path) -> datetime | None:
    """When something in a folder last changed; None when it is gone."""
    with suppress(FileNotFoundError), os.scandir(folder) as found:
        latest = max((entry.stat(follow_symlinks=False).st_mtime for entry in found), default=0.0)
        return datetime.fromtimestamp(max(latest, folder.stat().st_mtime), UTC)
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

    async def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes, fewer only at the end. ValueError after close."""
        return await asyncio.to_thread(self._read, offset, length)

    async def close(self) -> None:
        """Idempotent."""
        await asyncio.to_thread(self._close)

    def _read(self, offset: int, length: int) -> bytes:
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
