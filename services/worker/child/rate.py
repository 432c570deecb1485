"""How fast rows are written: what is left of an export takes as long as that says."""

from math import exp

SMOOTHING = 0.5
"""What was measured so long ago as this part of the time since the first row counts a third of what is measured now."""


class Rate:
    """Rows a second, from the first rows on: what came before them was opening the source, and comes once.

    Later ones count more, on the scale of the time that has passed: neither a burst nor a slow beginning decides for
    long.
    """

    def __init__(self) -> None:
        self._rows = 0
        self._first: float | None = None
        self._last = 0.0
        self._per_second = 0.0

    def saw(self, rows: int, now: float) -> None:
        """So many rows are written, all in all. Calls without new rows say nothing."""
        if rows <= self._rows:
            return
        if self._first is None:
            self._first = now
        elif now > self._last:
            self._measure((rows - self._rows) / (now - self._last), now - self._last, now - self._first)
        else:
            return  # the next call has these rows, too
        self._rows, self._last = rows, now

    def seconds_for(self, rows: int) -> float | None:
        """How long so many more rows take; None while that is not known."""
        return rows / self._per_second if self._per_second else None

    def _measure(self, per_second: float, span: float, since_first: float) -> None:
        share = 1 - exp(-span / (SMOOTHING * since_first)) if self._per_second else 1.0
        self._per_second += share * (per_second - self._per_second)
