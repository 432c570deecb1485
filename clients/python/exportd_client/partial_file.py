"""Writes a file to the disk while it is downloaded. All of this blocks: call it from a thread."""

import contextlib
import errno
import hashlib
import io
import os
import re
import sys
import threading
from pathlib import Path
from typing import Self

from exportd.v1.export_pb2 import File
from exportd_client.disk_space import reserve
from exportd_client.errors import DownloadDamaged

if sys.platform != "win32":
    import fcntl

_BLOCK_BYTES = 1024 * 1024
_WRITEBACK_BYTES = 8 * 1024 * 1024
_RESERVED_BYTES = 64 * 1024 * 1024
"""How much of the disk is reserved at a time. A download that breaks off leaves no more than that beside its bytes."""


class Part:
    """The received bytes of one file, in `<path>.<first 16 digits of its sha256>.part`.

    The name ties them to the file, so that an interrupted download is resumed only with the same file.
    """

    def __init__(self, path: Path, file: File, stream: io.FileIO, *, overwrite: bool) -> None:
        self._path = path
        self._overwrite = overwrite
        self._file = file
        self._stream = stream
        self._digest = hashlib.sha256()
        self.size = 0
        self._sent_off = self._reserved = 0
        # A cancelled download calls close() while the thread of its last append() may still run.
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, file: File, *, overwrite: bool = True) -> Self:
        """Open the part of `file` for `path`, with the bytes that an earlier download left.

        Raises OSError if `path` cannot be written or another process is downloading the same file to it,
        FileExistsError if `path` exists and `overwrite` is False.
        """
        if not overwrite and os.path.lexists(path):
            raise _exists(path)
        if path.exists() and not path.is_file():
            raise OSError(f"{path} is not a regular file")
        part = cls(path, file, _open_alone(part_path(path, file)), overwrite=overwrite)
        part._take_up()
        return part

    def append(self, data: bytes | memoryview) -> None:
        """Append the next bytes. Does nothing once the part is closed."""
        with self._lock:
            if not self._stream.closed:
                self._add(data)

    def finish(self) -> None:
        """Turn the part into the file, durably.

        Raises DownloadDamaged if the size or the sha256 is wrong, FileExistsError as `open` does.
        """
        with self._lock:
            if self.size != self._file.size_bytes or self._digest.hexdigest() != self._file.sha256:
                raise DownloadDamaged(f"{self._path.name} arrived damaged: its sha256 differs; download it again")
            os.fsync(self._stream.fileno())
            self._give_name()
            _make_names_durable(self._path.parent)

    def discard(self) -> None:
        """Remove the received bytes, so that the next download starts from the beginning."""
        with self._lock:
            self._stream.close()
            part_path(self._path, self._file).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the part and leave it on the disk. May be repeated."""
        with self._lock:
            self._stream.close()

    def _give_name(self) -> None:
        part = part_path(self._path, self._file)
        if self._overwrite:
            part.replace(self._path)
            return
        try:  # unlike a rename this never replaces a file that appeared meanwhile
            os.link(part, self._path)
        except FileExistsError:
            raise _exists(self._path) from None
        except OSError:  # the file system has no hard links
            if os.path.lexists(self._path):
                raise _exists(self._path) from None
            part.replace(self._path)
        else:
            part.unlink()

    def _take_up(self) -> None:
        while block := self._stream.read(_BLOCK_BYTES):
            self._digest.update(block)
            self.size += len(block)
        if self.size > self._file.size_bytes:
            self._start_over()

    def _start_over(self) -> None:
        self._stream.seek(0)
        self._stream.truncate()
        self._digest, self.size, self._sent_off, self._reserved = hashlib.sha256(), 0, 0, 0

    def _add(self, data: bytes | memoryview) -> None:
        if self.size + len(data) > self._reserved:
            self._reserve()
        rest = memoryview(data)
        while rest:
            rest = rest[self._stream.write(rest) :]
        self._digest.update(data)
        self.size += len(data)
        if self.size - self._sent_off >= _WRITEBACK_BYTES:
            self._send_off()

    def _reserve(self) -> None:
        """Reserve space for what comes next, if that is much. It takes a quarter of the time of a write off it."""
        size = min(_RESERVED_BYTES, self._file.size_bytes - self.size)
        if size < _WRITEBACK_BYTES or not reserve(self._stream.fileno(), self.size, size):
            size = self._file.size_bytes  # all the rest comes without
        self._reserved = self.size + size

    def _send_off(self) -> None:
        """Start writing data back to the disk without waiting, so that it is not all left for the fsync at the end."""
        if sys.platform == "linux":
            size = self.size - self._sent_off
            with contextlib.suppress(OSError):  # not every file system supports fadvise
                os.posix_fadvise(self._stream.fileno(), self._sent_off, size, os.POSIX_FADV_DONTNEED)
        self._sent_off = self.size


def part_path(path: Path, file: File) -> Path:
    """Return the path at which the bytes of `file` are collected before they become `path`.

    Raises DownloadDamaged if the service states no valid sha256.
    """
    if not re.fullmatch("[0-9a-f]{64}", file.sha256):
        raise DownloadDamaged("the service states no sha256 for the file: it can't be verified")
    return path.with_name(f"{path.name}.{file.sha256[:16]}.part")


def safe_name(file: File) -> str:
    """Return a name for `file` in a directory, whatever the service suggests: never a path, never a hidden file."""
    for suggestion in (file.filename, f"{file.id}.{file.extension}"):
        printable = "".join(char for char in suggestion if char.isprintable())
        name = re.split(r"[/\\]", printable)[-1].strip(" .")
        if name:
            return name
    return "export"


def destination(path: Path, file: File) -> Path:
    """Return the path to which the file is written.

    A symbolic link is followed, so that the file is written to its target. In a directory the file gets its own name.
    """
    resolved = path.resolve()
    return resolved / safe_name(file) if resolved.is_dir() else resolved


def _exists(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "exists already", str(path))


def _open_alone(path: Path) -> io.FileIO:
    # The name can be guessed, so a symbolic link at this place is not followed.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    stream = io.FileIO(os.open(path, flags, 0o666), "r+")  # a buffer would only copy the large pieces once more
    try:
        _lock(stream, path)
    except OSError:
        stream.close()
        raise
    return stream


def _lock(stream: io.FileIO, path: Path) -> None:
    # Of two writers of one part, the second would go on writing after the first has renamed it to the final file.
    if sys.platform != "win32":
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(f"{path} is being written by another download") from error


def _make_names_durable(directory: Path) -> None:
    # Not every system can open a directory, and not every file system can sync one.
    with contextlib.suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
