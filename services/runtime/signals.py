"""SIGTERM and SIGINT as events."""

import asyncio
import signal
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
