"""Cuts off connections whose callers read nothing, whatever is being sent to them.

Otherwise a caller that asks and does not read, or that is gone without a word, would hold its connection for ever.
"""

import asyncio
from collections.abc import Callable, Iterable

from services.gateway.metrics import GatewayMetrics
from services.runtime import logs

STALLED_S = 60.0
"""How long nothing of an answer may be taken."""

LOOKS = 6
"""How often a connection is looked at within this time."""


class StalledReaders:
    """Looks at all connections again and again."""

    def __init__(self, transports: Callable[[], Iterable[asyncio.Transport]], metrics: GatewayMetrics) -> None:
        self._transports = transports
        self._metrics = metrics
        self._seen: dict[asyncio.Transport, tuple[int, int]] = {}
        """For each connection with an answer that waits: its bytes, and how often they were as many."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(STALLED_S / LOOKS)
            self.look()

    def look(self) -> None:
        """Look once."""
        waiting = {each: size for each in self._transports() if (size := each.get_write_buffer_size())}
        self._seen = {each: (size, self._times(each, size)) for each, size in waiting.items()}
        for transport, (size, times) in self._seen.items():
            if times > LOOKS:
                logs.get().warning("reader_stalled", seconds=STALLED_S, waiting_bytes=size)
                self._metrics.stalled_connections.inc()
                transport.abort()

    def _times(self, transport: asyncio.Transport, size: int) -> int:
        before, times = self._seen.get(transport, (0, 0))
        return times + 1 if size == before else 1
