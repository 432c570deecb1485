"""Estimates the time that the remaining rows take from the rate of the rows written so far."""

from math import exp

SMOOTHING = 0.5
"""Time constant of the smoothing, as a fraction of the time since the first row.

A measurement of that age has the weight 1/e.
"""


class Rate:
    """Exponentially smoothed number of rows per second.

    The time before the first rows is not counted, since opening the source happens once. The time constant grows with
    the elapsed time, so that neither a burst nor a slow beginning affects the rate for long.
    """

    def __init__(self) -> None:
        self._rows = 0
        self._first: float | None = None
        self._last = 0.0
        self._per_second = 0.0

    def saw(self, rows: int, now: float) -> None:
        """Take note of the total number of rows written. Calls without new rows are ignored."""
        if rows <= self._rows:
            return
        if self._first is None:
            self._first = now
        elif now > self._last:
            self._measure((rows - self._rows) / (now - self._last), now - self._last, now - self._first)
        else:
            return  # the next call includes these rows
        self._rows, self._last = rows, now

    def seconds_for(self, rows: int) -> float | None:
        """Return the seconds that `rows` more rows take. None while the rate is not known."""
        return rows / self._per_second if self._per_second else None

    def _measure(self, per_second: float, span: float, since_first: float) -> None:
        share = 1 - exp(-span / (SMOOTHING * since_first)) if self._per_second else 1.0
        self._per_second += share * (per_second - self._per_second)
