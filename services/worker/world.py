"""What a supervisor takes from outside because it cannot compute it: the passing of time, random numbers, new ids.

It never uses the time of day, because setting a clock must not end any work.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import uuid4

from services.runtime.pauses import pauses


def _new_id() -> str:
    return str(uuid4())


@dataclass(frozen=True, slots=True)
class World:
    """The sources of time, chance and ids. `World()` uses the real ones; tests pass their own.

    `monotonic` returns seconds since any moment and never goes back. `random` returns numbers from 0 to less than 1,
    used to spread retries. `new_id` returns a UUID.
    """

    monotonic: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random
    new_id: Callable[[], str] = _new_id

    def pauses(self, first_s: float = 0.1, max_s: float = 10.0) -> Iterator[float]:
        """Yield seconds to wait before each retry: see runtime/pauses.py."""
        return pauses(self.random, first_s, max_s)
