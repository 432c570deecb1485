"""A time of day that does not jump."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

RATE = 0.25
"""How much faster or slower the clock runs while it corrects a jump: a jump of one hour takes four hours."""

MAX_MADE_UP = timedelta(days=1)
"""The clock follows a larger jump ahead at once: in that case it had not been set before."""


class SteadyClock:
    """The time of day in UTC. It follows `wall` without its jumps, and never goes back.

    The deadlines of leases and retries are stored as times of day. If the clock were set ahead by an hour, every lease
    would end at once; if it were set back, everything that waits would wait an hour longer. This clock instead runs 25
    % faster or slower until it agrees with `wall`, so that a time span is wrong by at most a quarter.

    `elapsed` returns seconds and never goes back. The clock can be used by any thread.
    """

    def __init__(
        self, wall: Callable[[], datetime], elapsed: Callable[[], float], machine: Callable[[], datetime] | None = None
    ) -> None:
        """`machine` is the clock of the machine, if that is not `wall`."""
        self.wall = machine or wall
        self._wall = wall
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._time, self._at = wall(), elapsed()

    def __call__(self) -> datetime:
        """Return the current time."""
        with self._lock:
            at = self._elapsed()
            seconds, self._at = at - self._at, at
            wall = self._wall()
            if abs((wall - self._time).total_seconds() - seconds) <= seconds * RATE:
                self._time = wall  # as it almost always is
            else:
                passed = timedelta(seconds=seconds)
                self._time += passed + _correction(wall - (self._time + passed), passed)
            return self._time

    def beside(self, other: Callable[[], datetime]) -> "SteadyClock":
        """Return a clock of this kind that follows another clock than the machine's."""
        return SteadyClock(other, self._elapsed, machine=self.wall)

    def not_before(self, moment: datetime) -> None:
        """Set the clock to at least `moment`, the last time of an earlier process.

        The machine's clock may have been set back since then. A moment more than one day ahead is ignored.
        """
        with self._lock:
            if timedelta() < moment - self._time <= MAX_MADE_UP:
                self._time = moment


def _correction(behind: timedelta, passed: timedelta) -> timedelta:
    if behind > MAX_MADE_UP:
        return behind
    return max(-passed * RATE, min(passed * RATE, behind))
