"""Measures the progress of a job and reports it from time to time."""

import time
from collections.abc import Callable
from datetime import timedelta

from services.contract.outcome import Phase, Progress
from services.worker.child.rate import Rate
from services.worker.order import Report


class Meter:
    """Reports the progress of a job.

    `rows_total` is set when it is known. `size` returns the number of bytes in the files. Reports of one phase are at
    least `interval_s` seconds apart.
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
        """Begin a phase, or continue it."""
        if phase is not self._phase:
            self._phase = phase
            self._next = self._clock()
        self.tick()

    def wrote(self, rows: int) -> None:
        """Take note of the total number of rows written."""
        self._rows = rows
        self._rate.saw(rows, self._clock())
        self.enter(Phase.WRITING)

    def tick(self) -> None:
        """Report the progress, unless the last report was less than `interval_s` ago."""
        now = self._clock()
        self._is_behind = now < self._next
        if not self._is_behind:
            self._next = now + self._interval_s
            self._report(Progress(self._phase, self._rows, self.rows_total, self._size(), self._eta()))

    def catch_up(self) -> None:
        """Report progress that has not been reported yet.

        Without new progress, no report is made, because the supervisor would take it for progress.
        """
        if self._is_behind:
            self.tick()

    def _eta(self) -> timedelta | None:
        """Return the estimated time for the remaining rows. None when it is not known and outside the writing phase."""
        if self._phase is not Phase.WRITING or not self.rows_total:
            return None
        seconds = self._rate.seconds_for(max(0, self.rows_total - self._rows))
        return None if seconds is None else timedelta(seconds=seconds)
