"""Pauses before a process is restarted."""

from collections.abc import Callable

FIRST_S = 0.5
MAX_S = 30.0
STEADY_S = 60.0
"""After a run of at least this time the pause is the first one again."""


class Pauses:
    """Computes the pauses. Each is twice the previous one."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._begun = monotonic()
        self._next_s = FIRST_S

    def begun(self) -> None:
        """Note the start of a run."""
        self._begun = self._monotonic()

    def ended(self) -> float:
        """Return the pause after the run that has just ended, in seconds."""
        pause_s = FIRST_S if self._monotonic() - self._begun >= STEADY_S else self._next_s
        self._next_s = min(2 * pause_s, MAX_S)
        return pause_s
