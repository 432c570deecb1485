"""The outcome of an attempt to deliver, and when the next attempt is due: the schedule of Standard Webhooks."""

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
"""The delay after each failed attempt. The first attempt is made at once; the tenth is the last."""

MAX_ATTEMPTS = len(DELAYS) + 1
MAX_WAIT = timedelta(days=1)
"""Upper limit of a receiver's Retry-After."""

JITTER = 0.2
"""A delay is up to 20 % longer, so that attempts that failed together are not repeated together."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The receiver has accepted the notification.

    `outcome` is safe to show, as in Failed: it contains neither secrets nor text of the receiver.
    """

    outcome: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The receiver has not accepted the notification.

    `wait` is the time that it asks to wait; `for_good` says that no further attempt would help.
    """

    outcome: str
    wait: timedelta | None = None
    for_good: bool = False


@dataclass(frozen=True, slots=True)
class Postponed:
    """Nothing was attempted, because a required resource was not free in time. This does not count as an attempt."""


class Sender(Protocol):
    """Delivers on one channel."""

    def receiver(self, delivery: Delivery) -> str:
        """Return who receives the delivery, such as a host. A dead receiver must not delay the deliveries of others."""
        ...

    async def send(self, delivery: Delivery) -> Accepted | Failed | Postponed:
        """Make one attempt, in bounded time."""
        ...


def delay(failed: Failed, attempt: int, jitter: float) -> timedelta | None:
    """Return the delay after attempt number `attempt` (from 1); None if there is no further attempt.

    `jitter` (0 to 1) lengthens the delay.
    """
    if failed.for_good or attempt >= MAX_ATTEMPTS:
        return None
    scheduled = DELAYS[attempt - 1] * (1 + JITTER * jitter)
    return max(scheduled, min(failed.wait or timedelta(), MAX_WAIT))
