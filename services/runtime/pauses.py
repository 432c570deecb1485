"""Pauses between tries: longer each time, and not the same for everybody."""

import random
from collections.abc import Iterator


def pauses(first_s: float = 0.1, most_s: float = 10.0) -> Iterator[float]:
    """Seconds to wait before the next try: doubling up to `most_s`, each 20 % more or less, without end."""
    pause = first_s
    while True:
        yield pause * random.uniform(0.8, 1.2)  # noqa: S311 - only spreads callers
        pause = min(pause * 2, most_s)
