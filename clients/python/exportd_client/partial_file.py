"""A file on its way to the disk. All of it blocks: call it from a thread."""

import contextlib
import errno
import hashlib
import os
import re
import sys
import threading
from pathlib import Path
from typing import BinaryIO, Self

from exportd.v1.export_pb2 import File
from exportd_client.errors import DownloadDamaged

if sys.platform != "win32":
    import fcntl

_BLOCK_BYTES = 1024 * 1024
_WRITEBACK_BYTES = 8 * 1024 * 1024


class Part:
    """The bytes of one file that have arrived, in `<path>.<first 16 digits of its sha256>.part`.

    The name binds them to the file: what was left by an interrupted download is gone on with by the same file only.
    """

    def __init__(self, path: Path, file: File, stream: BinaryIO, *, overwrite: bool) -> None:
        self._path = path
        self._overwrite = overwrite
        self._file = file
        self._stream = stream
        self._digest = hashlib.sha256()
        self.size = 0
        self._sent_off = 0
        # A cancelled download closes while the thread of its last append may still run.
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, file: File, *, overwrite: bool = True) -> Self:
        """The part of `file` for `path`, with the bytes that are there already.

        OSError: `path` can't be written, or another process is downloading the same file to it. FileExistsError:
        `path` exists, and `overwrite` is False.
        """
        if not overwrite and os.path.lexists(path):
            raise _exists(path)
        if path.exists() and not path.is_file():
            raise OSError(f"{path} is not a regular file")
        part = cls(path, file, _open_alone(part_path(path, file)), overwrite=overwrite)
        part._take_up()
        return part

    def append(self, data: bytes | memoryview) -> None:
        """Adds the next bytes. Nothing happens once the part is closed."""
        with self._lock:
            if not self._stream.closed:
                self._add(data)

    def finish(self) -> None:
        """Makes the part the file, durably. DownloadDamaged: it is not whole. FileExistsError: as for `open`."""
        with self._lock:
            if self.size != self._file.size_bytes or self._digest.hexdigest() != self._file.sha256:
                raise DownloadDamaged(f"{self._path.name} arrived damaged: its sha256 differs; download it again")
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._give_name()
            _make_names_durable(self._path.parent)

    def discard(self) -> None:
        """Removes what has arrived, so that the next download begins at the start."""
        with self._lock:
            self._stream.close()
            part_path(self._path, self._file).unlink(missing_ok=True)

    def close(self) -> None:
        """Lets go of the part and leaves it on disk. May be repeated."""
        with self._lock:
            self._stream.close()

    def _give_name(self) -> None:
        part = part_path(self._path, self._file)
        if self._overwrite:
            part.replace(self._path)
            return
        try:  # unlike a rename it never replaces what somebody put there meanwhile
            os.link(part, self._path)
        except FileExistsError:
            raise _exists(self._path) from None
        except OSError:  # a file system without links
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
        self._digest, self.size, self._sent_off = hashlib.sha256(), 0, 0

    def _add(self, data: bytes | memoryview) -> None:
        self._stream.write(data)
        self._digest.update(data)
        self.size += len(data)
        if self.size - self._sent_off >= _WRITEBACK_BYTES:
            self._send_off()

    def _send_off(self) -> None:
        """Begin to bring what was written to the disk, and wait for nothing: else all of it waits for the end."""
        if sys.platform == "linux":
            self._stream.flush()
            size = self.size - self._sent_off
            with contextlib.suppress(OSError):  # not every file system takes advice
                os.posix_fadvise(self._stream.fileno(), self._sent_off, size, os.POSIX_FADV_DONTNEED)
        self._sent_off = self.size


def part_path(path: Path, file: File) -> Path:
    """Where the bytes of `file` are gathered before they become `path`."""
    if not re.fullmatch("[0-9a-f]{64}", file.sha256):
        raise DownloadDamaged("the service states no sha256 for the file: it can't be verified")
    return path.with_name(f"{path.name}.{file.sha256[:16]}.part")


def safe_name(file: File) -> str:
    """A name for `file` in a directory, whatever the service suggests: never a path, never hidden."""
    for suggestion in (file.filename, f"{file.id}.{file.extension}"):
        printable = "".join(char for char in suggestion if char.isprintable())
        name = re.split(r"[/\\]", printable)[-1].strip(" .")
        if name:
            return name
    return "export"


def destination(path: Path, file: File) -> Path:
    """A link is followed, so that the file lands where it points; in a directory the file has its own name."""
    resolved = path.resolve()
    return resolved / safe_name(file) if resolved.is_dir() else resolved


def _exists(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "exists already", str(path))


def _open_alone(path: Path) -> BinaryIO:
    # The name can be guessed, so a link that somebody put there is not followed.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    stream = os.fdopen(os.open(path, flags, 0o666), "r+b")
    try:
        _lock(stream, path)
    except OSError:
        stream.close()
        raise
    return stream


def _lock(stream: BinaryIO, path: Path) -> None:
    # Two writers of one part would go on writing after the first one has made it the file.
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
