"""Tracks whether the api answers this worker."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

READY_WITHIN_S = 30.0
"""The worker counts as ready if the api has answered within this time."""


@dataclass(slots=True)
class Contact:
    """Remembers when the api last answered, by this process's monotonic clock.

    `confirmed` is set while the latest heartbeat has been answered. New work is taken only then.
    """

    clock: Callable[[], float]
    confirmed: asyncio.Event = field(default_factory=asyncio.Event)
    _answered: float = field(default=float("-inf"))
    _heartbeat: float = field(init=False)

    def __post_init__(self) -> None:
        self._heartbeat = self.clock()

    def answered(self) -> None:
        """Note that the api answered a poll."""
        self._answered = self.clock()

    def heartbeat_answered(self) -> None:
        """Note that the api answered a heartbeat."""
        self._answered = self._heartbeat = self.clock()
        self.confirmed.set()

    def news(self) -> None:
        """Note that the next heartbeat has something to report.

        No new work is taken until that heartbeat has been answered.
        """
        self.confirmed.clear()

    def heartbeat_lost(self) -> None:
        """Note that a heartbeat was not answered."""
        self.confirmed.clear()

    def silent_s(self) -> float:
        """Return the seconds since the last heartbeat that was answered, or since the start."""
        return self.clock() - self._heartbeat

    def fresh(self) -> bool:
        """Whether the api has answered within READY_WITHIN_S."""
        return self.clock() - self._answered <= READY_WITHIN_S
