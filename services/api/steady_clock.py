"""A time of day that does not jump."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

RATE = 0.25
"""How much faster or slower it runs while it makes up for a jump: four hours for one."""

MAX_MADE_UP = timedelta(days=1)
"""It goes along with a jump ahead by more than that: the clock had not been set before."""


class SteadyClock:
    """The time of day in UTC, as `wall` tells it but for its jumps; it never goes back.

    Until when a lease holds and when a retry is due are kept as times of day. With a clock that is set ahead by an hour
    every lease would end at once; with one that is set back whatever waits would wait an hour longer. This one runs on,
    25 % faster or slower until it is where `wall` is: a span is at most a quarter off.

    `elapsed` counts seconds from any moment and never goes back. Any thread may ask.
    """

    def __init__(
        self, wall: Callable[[], datetime], elapsed: Callable[[], float], machine: Callable[[], datetime] | None = None
    ) -> None:
        """`machine` is what the machine's clock says, where that is not `wall`."""
        self.wall = machine or wall
        self._wall = wall
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._time, self._at = wall(), elapsed()

    def __call__(self) -> datetime:
        """The time now."""
        with self._lock:
            at = self._elapsed()
            passed, self._at = timedelta(seconds=at - self._at), at
            self._time += passed + self._correction(passed)
            return self._time

    def beside(self, other: Callable[[], datetime]) -> "SteadyClock":
        """One like this that follows another clock than the machine's."""
        return SteadyClock(other, self._elapsed, machine=self.wall)

    def not_before(self, moment: datetime) -> None:
        """It is that time at least, as if a process that ended then had gone on: its machine may have been set back.

        Nothing for a moment that is more than a day ahead.
        """
        with self._lock:
            if timedelta() < moment - self._time <= MAX_MADE_UP:
                self._time = moment

    def _correction(self, passed: timedelta) -> timedelta:
        behind = self._wall() - (self._time + passed)
        if behind > MAX_MADE_UP:
            return behind
        return max(-passed * RATE, min(passed * RATE, behind))
