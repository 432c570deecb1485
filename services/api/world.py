"""What the api takes from outside: time, random numbers and new ids."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.api.steady_clock import SteadyClock

ASKED_AT_ONCE = 64
"""For how many numbers the system is asked at once."""

_BYTES = 16
_VARIANT = 0b10 << 62
_FREE_BITS = 2**128 - 1 - (0xF << 76) - (0b11 << 62)
"""The bits of a UUID that are neither its version nor its variant."""
_TIME_BITS = 2**48 - 1
_BELOW_TIME = 2**80 - 1


def _now() -> datetime:
    return datetime.now(UTC)


def _elapsed() -> float:
    """Return seconds, including the time while the machine sleeps, if the system can tell."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _steady() -> SteadyClock:
    return SteadyClock(_now, _elapsed)


class RandomNumbers:
    """Random numbers of 128 bits, of which the system is asked for many at once.

    Each time it is asked, the thread hands over the interpreter's lock, and waits for it while another one computes.
    Any thread may ask for a number, and no other one gets it, nor does a child process.
    """

    def __init__(self, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._random_bytes = random_bytes
        self._left: list[int] = []
        os.register_at_fork(after_in_child=self._left.clear)

    def __call__(self) -> int:
        """Return a number that was not returned before."""
        try:
            return self._left.pop()  # at once, also if several threads do it
        except IndexError:
            first, *others = _split(self._random_bytes(_BYTES * ASKED_AT_ONCE))
            self._left += others
            return first


def _split(data: bytes) -> Iterator[int]:
    for start in range(0, len(data), _BYTES):
        yield int.from_bytes(data[start : start + _BYTES], "big")


_random_number = RandomNumbers()


def _uuid(number: int, version: int) -> str:
    """Return the UUID of this version (RFC 9562) with the other bits of a number."""
    text = f"{number & _FREE_BITS | version << 76 | _VARIANT:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _new_id() -> str:
    return _uuid(_random_number(), 4)


class AscendingIds:
    """UUIDs of version 7, each greater than the one before: a time in ms, and 74 random bits.

    Of two in one millisecond the second one is from the next millisecond, as it is if the clock was set back.
    `nanoseconds` is the time since 1970. Any thread may ask.
    """

    def __init__(self, nanoseconds: Callable[[], int] = time.time_ns) -> None:
        self._nanoseconds = nanoseconds
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self) -> str:
        """Return the next one."""
        with self._lock:
            self._last = now = max(self._nanoseconds() // 1_000_000, self._last + 1)
        return _uuid((now & _TIME_BITS) << 80 | _random_number() & _BELOW_TIME, 7)


_new_export_id = AscendingIds()


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
