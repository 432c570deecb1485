"""Writes a file of an artifact store in a folder."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from services.contract.gmac import Gmac
from services.runtime import beneath
from services.worker.ports import StoredFile

_CHUNK_BYTES = 1 << 20
_PUSH_BYTES = 8 << 20


class FolderWriter:
    """The ArtifactWriter of `file`, which is empty and lies at `place` below `root`.

    `close` moves it to `key`, also below `root`. Both paths are relative, with slashes. Symbolic links in them are not
    followed, so they cannot lead out of the root.
    """

    seeks = True

    def __init__(self, file: BinaryIO, root: Path, place: str, key: str) -> None:
        self._file = file
        self._root = root
        self._place = place
        self._key = key
        self._digest = hashlib.sha256()
        self._gmac = Gmac(key)
        self._counted_bytes = 0
        self._is_seekable = False
        self._pushed_bytes = 0

    def write(self, block: bytes | memoryview) -> int:
        """See ArtifactWriter."""
        self._hash(block)
        self._file.write(block)
        self._counted_bytes += len(block)
        return len(block)

    def seekable(self) -> BinaryIO:
        """See ArtifactWriter."""
        self._is_seekable = True
        return self._file

    def size(self) -> int:
        """See ArtifactWriter."""
        return os.fstat(self._file.fileno()).st_size if self._is_seekable else self._counted_bytes

    def push(self) -> None:
        """See ArtifactWriter."""
        size = self.size()
        if size - self._pushed_bytes >= _PUSH_BYTES:
            _start_writing(self._file.fileno(), self._pushed_bytes, size - self._pushed_bytes)
            self._pushed_bytes = size

    def close(self, tick: Callable[[], None]) -> StoredFile:
        """See ArtifactWriter."""
        self._file.flush()
        if self._is_seekable:
            self._count(tick)
        os.fsync(self._file.fileno())
        self._move()
        self._file.close()
        return StoredFile(self._key, self._counted_bytes, self._digest.hexdigest(), self._gmac.hexdigest())

    def abort(self) -> None:
        """See ArtifactWriter."""
        if not self._file.closed:
            with suppress(OSError), self._opened(self._place) as (folder, name):  # the sweep deletes a file that stays
                os.unlink(name, dir_fd=folder)
            with suppress(OSError):  # flushing may find no room
                self._file.close()

    def _count(self, tick: Callable[[], None]) -> None:
        """Compute the size, the sha256 and the GMAC of the file."""
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK_BYTES):
            self._hash(chunk)
            self._counted_bytes += len(chunk)
            tick()
        self._is_seekable = False

    def _hash(self, block: bytes | memoryview) -> None:
        self._digest.update(block)
        self._gmac.update(block)

    def _move(self) -> None:
        """Move the file to its key and make that durable.

        Withdrawing another attempt of the export deletes the export's folder if it is empty. The move is repeated then.
        """
        *steps, name = self._key.split("/")
        while True:
            try:
                with self._opened(self._place) as (spool, spooled), beneath.made(self._root, steps) as folders:
                    os.replace(spooled, name, src_dir_fd=spool, dst_dir_fd=folders[-1])
                    self._place = self._key
                    # any of the folders may be new, so the key is durable only after all of them are synced
                    for folder in reversed(folders):
                        os.fsync(folder)
            except FileNotFoundError:
                if not self._is_there():
                    raise
            else:
                return

    def _is_there(self) -> bool:
        with suppress(OSError), self._opened(self._place) as (folder, name):
            os.stat(name, dir_fd=folder, follow_symlinks=False)
            return True
        return False

    @contextmanager
    def _opened(self, place: str) -> Iterator[tuple[int, str]]:
        *steps, name = place.split("/")
        with beneath.folder(self._root, steps) as folder:
            yield folder, name


def _start_writing(handle: int, start: int, size: int) -> None:
    # On Linux this starts writing dirty pages to the disk before it drops them. Other systems do nothing here.
    if sys.platform == "linux":
        os.posix_fadvise(handle, start, size, os.POSIX_FADV_DONTNEED)
