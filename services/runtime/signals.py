"""SIGTERM and SIGINT as events, SIGHUP as a call."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StopSignals:
    """`drain` is set by the first SIGTERM or SIGINT: finish and stop; `now` by the second: stop."""

    drain: asyncio.Event = field(default_factory=asyncio.Event)
    now: asyncio.Event = field(default_factory=asyncio.Event)

    def install(self) -> "StopSignals":
        """Take both signals over, in the running loop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._received)
        return self

    def _received(self) -> None:
        (self.now if self.drain.is_set() else self.drain).set()


@contextmanager
def on_hangup(do: Callable[[], None]) -> Iterator[None]:
    """SIGHUP does this, in the running loop, until the context ends."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, do)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
