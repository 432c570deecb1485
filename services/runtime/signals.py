"""SIGTERM and SIGINT as events, SIGHUP as a call."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from services.runtime.early_signals import STOPS, EarlySignals


@dataclass(frozen=True, slots=True)
class StopSignals:
    """`drain` is set by the first SIGTERM or SIGINT: finish and stop; `now` by the second: stop."""

    drain: asyncio.Event = field(default_factory=asyncio.Event)
    now: asyncio.Event = field(default_factory=asyncio.Event)

    def install(self, early: EarlySignals) -> "StopSignals":
        """Take both signals over, in the running loop, and those that came before."""
        for number in STOPS:
            asyncio.get_running_loop().add_signal_handler(number, self._received)
        for _ in range(early.stops):
            self._received()
        return self

    def _received(self) -> None:
        (self.now if self.drain.is_set() else self.drain).set()


@contextmanager
def on_hangup(do: Callable[[], None], early: EarlySignals | None = None) -> Iterator[None]:
    """SIGHUP does this, in the running loop, until the context ends; once at its begin when one came before."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, do)
    if early and early.hangup:
        do()
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # not its default: what stops is not to be ended in the middle
