"""Whether the api answers this worker."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

READY_WITHIN_S = 30.0
"""How fresh an answer must be for the worker to count as ready."""


@dataclass(slots=True)
class Contact:
    """When the api last answered, by this process's own monotonic clock.

    `confirmed` is set while the last heartbeat was answered: only then is new work taken.
    """

    clock: Callable[[], float]
    confirmed: asyncio.Event = field(default_factory=asyncio.Event)
    _answered: float = field(default=float("-inf"))
    _heartbeat: float = field(init=False)

    def __post_init__(self) -> None:
        self._heartbeat = self.clock()

    def answered(self) -> None:
        """A poll was answered."""
        self._answered = self.clock()

    def heartbeat_answered(self) -> None:
        """A heartbeat was answered."""
        self._answered = self._heartbeat = self.clock()
        self.confirmed.set()

    def news(self) -> None:
        """The next heartbeat has something to tell: until it is answered no new work is taken."""
        self.confirmed.clear()

    def heartbeat_lost(self) -> None:
        """A heartbeat was not answered."""
        self.confirmed.clear()

    def silent_s(self) -> float:
        """Seconds since the last heartbeat that was answered, or since the start."""
        return self.clock() - self._heartbeat

    def fresh(self) -> bool:
        """An answer came within READY_WITHIN_S."""
        return self.clock() - self._answered <= READY_WITHIN_S
