"""Progress reports from a child to its supervisor: one datagram for each report.

A report is lost rather than waited for.
"""

import socket
import struct
from collections.abc import Iterator
from datetime import timedelta

from services.contract.outcome import Phase, Progress

_PHASES = tuple(Phase)
_FORM = struct.Struct("=Bqqqd")
_NO_ETA = -1.0


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the supervisor's end and the child's end. Neither blocks."""
    hear, tell = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    hear.setblocking(False)
    tell.setblocking(False)
    return hear, tell


class Teller:
    """The child's end, used as the Report of an order."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        end.setblocking(False)

    def __call__(self, progress: Progress) -> None:
        try:
            self._end.send(_packed(progress))
        except OSError:  # the supervisor is busy or gone; if gone, this process ends soon
            return


def heard(end: socket.socket) -> Iterator[Progress]:
    """Yield all reports that have arrived at the supervisor's end, oldest first."""
    while True:
        try:
            message = end.recv(_FORM.size)
        except OSError:
            return
        if len(message) != _FORM.size:
            return
        yield _unpacked(message)


def _packed(progress: Progress) -> bytes:
    eta = progress.eta.total_seconds() if progress.eta is not None else _NO_ETA
    phase = _PHASES.index(progress.phase)
    return _FORM.pack(phase, progress.rows_written, progress.rows_total, progress.bytes_written, eta)


def _unpacked(message: bytes) -> Progress:
    phase, rows, total, size, eta = _FORM.unpack(message)
    return Progress(_PHASES[phase], rows, total, size, timedelta(seconds=eta) if eta >= 0 else None)
