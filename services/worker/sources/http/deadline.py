"""A time limit for a whole answer: connecting, TLS, headers, interim answers and the body.

A socket's timeout applies to each single wait, so a server that sends a byte now and then never exceeds it. At the
deadline, another thread shuts the connection down, whatever it is waiting for.
"""

import os
import socket
import threading
from contextlib import suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Self


class Deadline:
    """A context that limits the time of what this thread does with a connection, to `seconds` after the last `start`.

    Leaving the context after the deadline raises TimeoutError, whatever the result, because a body that was cut off may
    look complete. The context may be entered again for the same connection. Call `close` at the end.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._timer: threading.Timer | None = None
        self._expired = False

    def start(self) -> None:
        """Start the time, or start it again."""
        self._stop()
        self._expired = False
        self._timer = threading.Timer(self._seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, descriptor: int) -> None:
        """Watch the connection of a file descriptor instead of the previous one."""
        line = socket.socket(fileno=os.dup(descriptor))
        with self._lock:
            old, self._line = self._line, line
            if self._expired:
                _shut(line)
        if old is not None:
            old.close()

    def close(self) -> None:
        """Release the connection. Idempotent."""
        with self._lock:
            line, self._line = self._line, None
        if line is not None:
            line.close()

    def __enter__(self) -> Self:
        self._outer = _CURRENT.set(self)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, problem: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stop()
        _CURRENT.reset(self._outer)
        if self._expired and (problem is None or isinstance(problem, Exception)):
            raise TimeoutError("the answer took too long") from problem

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self) -> None:
        with self._lock:
            self._expired = True
            if self._line is not None:
                _shut(self._line)


_CURRENT: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def watch(descriptor: int) -> None:
    """Let the deadline of this thread, if there is one, watch a connection."""
    if deadline := _CURRENT.get():
        deadline.watch(descriptor)


def _shut(line: socket.socket) -> None:
    with suppress(OSError):  # the connection may be down already
        line.shutdown(socket.SHUT_RDWR)
