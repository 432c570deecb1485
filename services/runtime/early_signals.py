"""Records signals that arrive before an event loop can handle them, so that none is lost.

Imports take a second. In a container, process 1 without a handler would ignore SIGTERM.
"""

import signal
from types import FrameType
from typing import Self

STOPS = (signal.SIGTERM, signal.SIGINT)


class EarlySignals:
    """The number of stop signals (SIGTERM, SIGINT), and whether SIGHUP arrived, until another handler takes over."""

    def __init__(self) -> None:
        self.stops = 0
        self.hangup = False

    def install(self) -> Self:
        """Record signals from now on. Call it in the main thread."""
        for number in (*STOPS, signal.SIGHUP):
            signal.signal(number, self._note)
        return self

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self.hangup = True
        else:
            self.stops += 1
