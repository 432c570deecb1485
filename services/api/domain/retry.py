"""Whether and when a failed attempt is followed by another. The api decides this; workers only give hints."""

from dataclasses import dataclass
from datetime import timedelta

from services.api.domain.states import CancelReason
from services.contract.codes import Retry
from services.contract.outcome import Failure

MAX_DOUBLINGS = 20
"""More doublings would only overflow: the cap is reached long before."""


BECAUSE_CANCELLED = ", since its caller cancelled it: create it again"
"""Why an operator cannot retry such an export."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """The delay between attempts: `base` at first, doubled after each attempt, at most `cap`."""

    base: timedelta = timedelta(seconds=5)
    cap: timedelta = timedelta(minutes=5)

    def delay(self, attempt: int, jitter: float) -> timedelta:
        """Return the delay after attempt number `attempt` (from 1), multiplied by `jitter` (0 to 1): full jitter."""
        return min(self.cap, self.base * float(2 ** min(attempt - 1, MAX_DOUBLINGS))) * jitter


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Make another attempt, not before `delay` from now."""

    delay: timedelta


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the export with this reason."""

    reason: CancelReason


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Give the export back without counting the attempt, since the failure is the worker's own.

    If this has happened to the export too often, `otherwise` applies.
    """

    otherwise: RetryAfter | GiveUp


Fate = RetryAfter | GiveUp | GiveBack
"""What follows a failed attempt."""


def decide(failure: Failure, attempt: int, max_attempts: int, jitter: float, backoff: Backoff | None = None) -> Fate:
    """Return what happens to an export whose attempt number `attempt` (from 1) failed.

    A worker's `retry_after` is a lower bound of the delay.
    """
    counted = _counted(failure, attempt, max_attempts, jitter, backoff)
    return GiveBack(counted) if failure.code.retry is Retry.ELSEWHERE else counted


def _counted(
    failure: Failure, attempt: int, max_attempts: int, jitter: float, backoff: Backoff | None
) -> RetryAfter | GiveUp:
    if not failure.retryable:
        return GiveUp(CancelReason.NOT_RETRYABLE)
    if attempt >= max_attempts:
        return GiveUp(CancelReason.RETRIES_EXHAUSTED)
    delay = (backoff or Backoff()).delay(attempt, jitter)
    return RetryAfter(max(delay, failure.retry_after or timedelta()))
