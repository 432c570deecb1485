"""What the api takes from outside: the time, random numbers and new ids."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from uuid6 import uuid7

from services.api.steady_clock import SteadyClock


def _now() -> datetime:
    return datetime.now(UTC)


def _elapsed() -> float:
    """Seconds, counted also while the machine sleeps, where the system can say that."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _steady() -> SteadyClock:
    return SteadyClock(_now, _elapsed)


def _new_id() -> str:
    return str(uuid4())


def _new_export_id() -> str:
    return str(uuid7())


@dataclass(frozen=True, slots=True)
class World:
    """`World()` is the real one; a test gives what it wants to decide itself.

    `clock` is the time in UTC that everything goes by; it does not jump when the machine's is set. `monotonic` counts
    seconds from any moment and never goes back. `random` gives numbers from 0 to less than 1 that spread what would
    else come at once, and no secrets. `new_id` gives a UUID, `new_export_id` one that sorts behind all that were made
    before it.
    """

    clock: Callable[[], datetime] = field(default_factory=_steady)
    monotonic: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random
    new_id: Callable[[], str] = _new_id
    new_export_id: Callable[[], str] = _new_export_id

    @property
    def wall(self) -> Callable[[], datetime]:
        """The time of day as others have it, which jumps: for what they check it in, and for times of files."""
        return self.clock.wall if isinstance(self.clock, SteadyClock) else self.clock
