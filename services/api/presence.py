"""Which workers are there: heard of lately, and whether they drain. Held in memory; a restart learns it anew."""

from datetime import datetime, timedelta

from services.api.ports import Clock

ABSENT_AFTER = timedelta(seconds=60)
"""A worker that was not heard of for so long is taken to be gone; polls and heartbeats come at least twice in it."""


class Presence:
    """Who called, when, and in which mood."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, datetime] = {}
        self._draining: set[str] = set()

    def heard(self, worker_id: str, *, draining: bool = False) -> None:
        """A worker called. Once it drains, it drains."""
        now = self._clock()
        self._seen[worker_id] = now
        if draining:
            self._draining.add(worker_id)
        for gone in [w for w, seen in self._seen.items() if now - seen > ABSENT_AFTER]:
            del self._seen[gone]
            self._draining.discard(gone)

    def draining(self, worker_id: str) -> bool:
        """True for a worker that said it takes no new work."""
        return worker_id in self._draining

    def anybody(self) -> bool:
        """True when some worker would take work."""
        now = self._clock()
        return any(now - seen <= ABSENT_AFTER for w, seen in self._seen.items() if w not in self._draining)
