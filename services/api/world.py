"""What the api takes from outside: time, random numbers and new ids."""

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
    """Return seconds, including the time while the machine sleeps, if the system can tell."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _steady() -> SteadyClock:
    return SteadyClock(_now, _elapsed)


def _new_id() -> str:
    return str(uuid4())


def _new_export_id() -> str:
    return str(uuid7())


@dataclass(frozen=True, slots=True)
class World:
    """The outside world. `World()` is the real one; a test replaces what it wants to control.

    `clock` is the time in UTC for all decisions; it does not jump when the machine's clock is set. `monotonic` returns
    seconds and never goes back. `random` returns numbers from 0 to below 1 for jitter, not for secrets. `new_id`
    returns a UUID, `new_export_id` a UUID that is greater than all earlier ones.
    """

    clock: Callable[[], datetime] = field(default_factory=_steady)
    monotonic: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random
    new_id: Callable[[], str] = _new_id
    new_export_id: Callable[[], str] = _new_export_id

    @property
    def wall(self) -> Callable[[], datetime]:
        """The time of day as other systems have it, which may jump.

        It is used for the times of notifications and their signatures, and for comparisons with the times of files.
        """
        return self.clock.wall if isinstance(self.clock, SteadyClock) else self.clock
