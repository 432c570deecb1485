"""Signals that arrive before there is an event loop to take them: noted, so that none is lost.

Imports take a second. As process 1 of a container, a program without a handler is not ended by SIGTERM at all.
"""

import signal
from types import FrameType
from typing import Self

STOPS = (signal.SIGTERM, signal.SIGINT)


class EarlySignals:
    """How often a stop was asked for (SIGTERM, SIGINT), and whether SIGHUP came, until somebody takes them over."""

    def __init__(self) -> None:
        self.stops = 0
        self.hangup = False

    def install(self) -> Self:
        """Note them from now on. Only in the main thread."""
        for number in (*STOPS, signal.SIGHUP):
            signal.signal(number, self._note)
        return self

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self.hangup = True
        else:
            self.stops += 1
