"""What a worker's supervisor takes from outside because it cannot compute it: passing time, chance, new names.

It never asks what time of day it is: a clock that is set must end no work.
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
    """`World()` is the real one; a test gives what it wants to decide itself.

    `monotonic` counts seconds from any moment and never goes back. `random` gives numbers from 0 to less than 1 that
    spread what would else come at once. `new_id` gives a UUID.
    """

    monotonic: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random
    new_id: Callable[[], str] = _new_id

    def pauses(self, first_s: float = 0.1, max_s: float = 10.0) -> Iterator[float]:
        """Seconds to wait before the next try: see runtime/pauses.py."""
        return pauses(self.random, first_s, max_s)
