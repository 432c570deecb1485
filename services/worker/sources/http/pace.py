"""Limits the rate of requests and the number of retries."""

import random
import threading
import time

_FIRST_S = 0.2
_MAX_PAUSE_S = 30.0
_MAX_ATTEMPTS = 12


class Pace:
    """Lets at most `per_second` requests through, from any number of threads. 0 is no limit."""

    def __init__(self, per_second: float) -> None:
        self._gap_s = 1 / per_second if per_second else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait for this request's turn."""
        if not self._gap_s:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._gap_s
        time.sleep(turn - now)  # the server's limit


class Patience:
    """Limits the retries of one request: to `budget_s` seconds and 12 tries."""

    def __init__(self, budget_s: float) -> None:
        self._end = time.monotonic() + budget_s
        self._tries = 1

    def wait(self, asked_s: float | None) -> bool:
        """Wait as long as the server asked for or, for None, longer each time.

        Return False at once when that exceeds the limit.
        """
        pause_s = self._pause_s() if asked_s is None else asked_s
        if self._tries >= _MAX_ATTEMPTS or time.monotonic() + pause_s > self._end:
            return False
        self._tries += 1
        time.sleep(pause_s)  # gives a server in trouble time to recover
        return True

    def _pause_s(self) -> float:
        grown = min(_MAX_PAUSE_S, _FIRST_S * float(1 << (self._tries - 1)))
        return grown * random.uniform(0.5, 1)  # noqa: S311 - jitter, so that workers do not retry all at once
