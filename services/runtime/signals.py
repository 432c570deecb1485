"""SIGTERM and SIGINT as events, SIGHUP as a call."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from services.runtime.early_signals import STOPS, EarlySignals


@dataclass(frozen=True, slots=True)
class StopSignals:
    """`drain` is set by the first SIGTERM or SIGINT: finish the work and stop.

    `now` is set by the second: stop at once.
    """

    drain: asyncio.Event = field(default_factory=asyncio.Event)
    now: asyncio.Event = field(default_factory=asyncio.Event)

    def install(self, early: EarlySignals) -> "StopSignals":
        """Handle both signals in the running loop, including those that arrived early."""
        for number in STOPS:
            asyncio.get_running_loop().add_signal_handler(number, self._received)
        for _ in range(early.stops):
            self._received()
        return self

    def when_stdin_ends(self) -> None:
        """Count the end of standard input as the first signal. It is a pipe from the parent process."""
        loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()

        def read() -> None:
            if not os.read(stdin, 4096):
                loop.remove_reader(stdin)
                self.drain.set()

        loop.add_reader(stdin, read)

    def _received(self) -> None:
        (self.now if self.drain.is_set() else self.drain).set()


@contextmanager
def on_hangup(do: Callable[[], None], early: EarlySignals | None = None) -> Iterator[None]:
    """Call `do` at each SIGHUP, in the running loop, while the context lasts. If one arrived early, call it at once."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, do)
    if early and early.hangup:
        do()
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # not SIG_DFL: it would end a process that is shutting down
