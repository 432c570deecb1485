"""A stderr that never fails: what cannot be written is lost and counted.

A log may go into a pipe whose reader has ended or is stuck, or to a full disk. Neither an answer nor the handling of a
signal may depend on it.
"""

import asyncio
import atexit
import io
import os
import select
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any

STDERR = 2
MAX_WAIT_MS = 100
"""How long a line waits for its reader. Lines after a lost one do not wait."""


class LossyWriter(io.RawIOBase):
    """Writes whole lines to a descriptor. `lost_lines` counts the lines that could not be written.

    If a line was cut, its rest is lost, and the next line begins on a new line.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._writable = select.poll()
        self._writable.register(descriptor, select.POLLOUT)
        self._lock = threading.RLock()  # a signal handler may write as well
        self._is_losing = False
        self._is_cut = False
        self._later: list[bytes] = []
        self.lost_lines = 0

    def fileno(self) -> int:
        """Return the descriptor, which is not closed with this object."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether the descriptor is a terminal."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Always true."""
        return True

    def write(self, data: Any) -> int:
        """Write data and return its length, whether it was written or lost. Waits at most MAX_WAIT_MS for a reader."""
        lines = bytes(data)
        with self._lock:
            self._write_later()
            self._write(lines)
        return len(lines)

    def write_soon(self, line: bytes) -> None:
        """Write a line soon: at the end of this turn of the event loop, or before the next line of `write`.

        Without a loop the line is written at once. Many lines then need only one check of the reader.
        """
        loop = asyncio._get_running_loop()  # noqa: SLF001 - get_running_loop raises when there is none
        if loop is None:
            self.write(line)
            return
        with self._lock:
            if not self._later:
                loop.call_soon(self.flush_later)
            self._later.append(line)

    def flush_later(self) -> None:
        """Write the waiting lines."""
        with self._lock:
            self._write_later()

    def _write_later(self) -> None:
        later, self._later = self._later, []
        for lines in _together(later):
            self._write(lines)

    def _write(self, lines: bytes) -> None:
        self._is_losing = not self._has_written(b"\n" + lines if self._is_cut else lines)
        if self._is_losing:
            self.lost_lines += max(1, lines.count(b"\n"))

    def _has_written(self, lines: bytes) -> bool:
        try:
            for part in _parts(lines):
                if not self._writable.poll(0 if self._is_losing else MAX_WAIT_MS):
                    return False
                sent = os.write(self._descriptor, part)
                self._is_cut = not part[:sent].endswith(b"\n")
                if sent < len(part):
                    return False
        except OSError:
            return False
        return True


def _together(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield whole lines joined up to the size that a pipe accepts at once."""
    some = b""
    for line in lines:
        if some and len(some) + len(line) > select.PIPE_BUF:
            yield some
            some = b""
        some += line
    if some:
        yield some


def _parts(lines: bytes) -> Iterator[bytes]:
    """Yield parts of the size that a pipe with any room accepts at once without waiting."""
    for start in range(0, len(lines), select.PIPE_BUF):
        yield lines[start : start + select.PIPE_BUF]


def install() -> LossyWriter:
    """Install the writer as this process's sys.stderr. Closed standard streams are redirected to /dev/null.

    Otherwise the next opened file, for example a database, would become stderr.
    """
    _open_standard_streams()
    writer = LossyWriter(STDERR)
    atexit.register(writer.flush_later)
    sys.stderr = io.TextIOWrapper(writer, "utf-8", "backslashreplace", write_through=True)
    return writer


def lost_lines() -> int:
    """Return the number of lines that this process could not write; 0 before `install`."""
    writer = getattr(sys.stderr, "buffer", None)
    return writer.lost_lines if isinstance(writer, LossyWriter) else 0


def _open_standard_streams() -> None:
    for descriptor in (0, 1, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
