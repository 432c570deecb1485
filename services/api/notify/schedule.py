"""The outcome of a try to deliver, and when the next one is due: the schedule of Standard Webhooks."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from services.api.domain.notifications import Delivery

DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""After each failed try; the first try is at once, and after the tenth there is none."""

MAX_ATTEMPTS = len(DELAYS) + 1
MAX_WAIT = timedelta(days=1)
"""Upper limit of a receiver's Retry-After: one day."""

JITTER = 0.2
"""A delay is up to 20 % longer, so that what failed together is not tried together again."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The receiver has it. `outcome` is safe to show, as in Failed: neither secrets nor what the receiver wrote."""

    outcome: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The receiver does not have it. `wait`: how long it asks for; `for_good`: that no further try would help."""

    outcome: str
    wait: timedelta | None = None
    for_good: bool = False


@dataclass(frozen=True, slots=True)
class Postponed:
    """Nothing was tried, since what it takes was not free in time: it counts as no try."""


class Sender(Protocol):
    """Delivers on one channel."""

    def receiver(self, delivery: Delivery) -> str:
        """Who is asked to take it, such as a host: one that is dead must not delay what others wait for."""
        ...

    async def send(self, delivery: Delivery) -> Accepted | Failed | Postponed:
        """Try once, in bounded time."""
        ...


def delay(failed: Failed, attempt: int, jitter: float) -> timedelta | None:
    """From try number `attempt` (from 1) to the next; None: there is none. `jitter` (0 to 1) lengthens it."""
    if failed.for_good or attempt >= MAX_ATTEMPTS:
        return None
    scheduled = DELAYS[attempt - 1] * (1 + JITTER * jitter)
    return max(scheduled, min(failed.wait or timedelta(), MAX_WAIT))
