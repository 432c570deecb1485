"""stderr that never fails: what cannot be written is lost and counted.

A log goes wherever it is led: into a pipe whose reader has ended or is stuck, to a disk that is full. Neither an answer
nor the effect of a signal may depend on it.
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
"""How long a line waits for its reader. Those that follow a lost one wait for nothing."""


class LossyWriter(io.RawIOBase):
    """Writes whole lines to a descriptor; `lost_lines` counts those that could not be written.

    The rest of a line that was cut is lost, too, and the next one begins on a line of its own.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._writable = select.poll()
        self._writable.register(descriptor, select.POLLOUT)
        self._lock = threading.RLock()  # a signal handler may write, too
        self._is_losing = False
        self._is_cut = False
        self._later: list[bytes] = []
        self.lost_lines = 0

    def fileno(self) -> int:
        """The descriptor, which is not closed with this."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """True."""
        return True

    def write(self, data: Any) -> int:
        """Always the length of `data`. Waits at most MAX_WAIT_MS for a reader."""
        lines = bytes(data)
        with self._lock:
            self._write_later()
            self._write(lines)
        return len(lines)

    def write_soon(self, line: bytes) -> None:
        """As `write`, of a line for which it is early enough when this turn of the event loop is over, or before the
        next line that is not; at once where no loop runs. A reader is asked once for many lines.
        """
        loop = asyncio._get_running_loop()  # noqa: SLF001 - get_running_loop raises where there is none
        if loop is None:
            self.write(line)
            return
        with self._lock:
            if not self._later:
                loop.call_soon(self.flush_later)
            self._later.append(line)

    def flush_later(self) -> None:
        """Write what waits."""
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
    """Whole lines, as many as a pipe takes at once."""
    some = b""
    for line in lines:
        if some and len(some) + len(line) > select.PIPE_BUF:
            yield some
            some = b""
        some += line
    if some:
        yield some


def _parts(lines: bytes) -> Iterator[bytes]:
    """A pipe that has any room takes so many bytes without waiting, and at once."""
    for start in range(0, len(lines), select.PIPE_BUF):
        yield lines[start : start + select.PIPE_BUF]


def install() -> LossyWriter:
    """Make it this process's sys.stderr. Standard streams that are closed lead to nowhere from now on.

    Otherwise the next file that is opened, a database perhaps, would be stderr.
    """
    _open_standard_streams()
    writer = LossyWriter(STDERR)
    atexit.register(writer.flush_later)
    sys.stderr = io.TextIOWrapper(writer, "utf-8", "backslashreplace", write_through=True)
    return writer


def lost_lines() -> int:
    """Lines that this process could not write; 0 before `install`."""
    writer = getattr(sys.stderr, "buffer", None)
    return writer.lost_lines if isinstance(writer, LossyWriter) else 0


def _open_standard_streams() -> None:
    for descriptor in (0, 1, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
