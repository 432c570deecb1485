"""Pauses between retries. They grow, and are randomised."""

from collections.abc import Callable, Iterator

SPREAD = 0.2


def pauses(random: Callable[[], float], first_s: float, max_s: float) -> Iterator[float]:
    """Yield seconds to wait before the next retry, without end.

    They double up to `max_s`, each up to 20 % more or less. `random` returns numbers from 0 to less than 1.
    """
    pause = first_s
    while True:
        yield pause * (1 - SPREAD + 2 * SPREAD * random())
        pause = min(pause * 2, max_s)
