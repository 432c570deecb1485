"""Measures how far a job has come, and reports it occasionally."""

import time
from collections.abc import Callable
from datetime import timedelta

from services.contract.outcome import Phase, Progress
from services.worker.child.rate import Rate
from services.worker.order import Report


class Meter:
    """`rows_total` is set when it is known; `size` says how many bytes the file has. Reports of one phase are
    `interval_s` apart, at least.
    """

    def __init__(
        self,
        report: Report,
        size: Callable[[], int],
        interval_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval_s = interval_s
        self.rows_total = 0
        self._report = report
        self._size = size
        self._clock = clock
        self._phase = Phase.READING
        self._rows = 0
        self._rate = Rate()
        self._next = clock()
        self._is_behind = False

    def enter(self, phase: Phase) -> None:
        """A phase begins, or goes on."""
        if phase is not self._phase:
            self._phase = phase
            self._next = self._clock()
        self.tick()

    def wrote(self, rows: int) -> None:
        """So many rows are written, all in all."""
        self._rows = rows
        self._rate.saw(rows, self._clock())
        self.enter(Phase.WRITING)

    def tick(self) -> None:
        """Something was done: report it, unless a report was made just before."""
        now = self._clock()
        self._is_behind = now < self._next
        if not self._is_behind:
            self._next = now + self._interval_s
            self._report(Progress(self._phase, self._rows, self.rows_total, self._size(), self._eta()))

    def catch_up(self) -> None:
        """Nothing was done since: report what was left out, if anything. A report of no news would look like news."""
        if self._is_behind:
            self.tick()

    def _eta(self) -> timedelta | None:
        """Of the rows that are left; None when that is not known, and of what comes behind the rows."""
        if self._phase is not Phase.WRITING or not self.rows_total:
            return None
        seconds = self._rate.seconds_for(max(0, self.rows_total - self._rows))
        return None if seconds is None else timedelta(seconds=seconds)
