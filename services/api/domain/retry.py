"""Whether and when a failed attempt is followed by another: the api decides, workers only hint."""

from dataclasses import dataclass
from datetime import timedelta

from services.api.domain.states import CancelReason
from services.contract.codes import Retry
from services.contract.outcome import Failure

MAX_DOUBLINGS = 20
"""Further ones would only overflow: the cap is reached long before."""


BECAUSE_CANCELLED = ", since its caller cancelled it: create it again"
"""Why an operator cannot retry it."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """The first delay, doubled with each attempt up to `cap`."""

    base: timedelta = timedelta(seconds=5)
    cap: timedelta = timedelta(minutes=5)

    def delay(self, attempt: int, jitter: float) -> timedelta:
        """After attempt number `attempt` (from 1), with full jitter: `jitter` (0 to 1) scales it."""
        return min(self.cap, self.base * float(2 ** min(attempt - 1, MAX_DOUBLINGS))) * jitter


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Try again, not before `delay` from now."""

    delay: timedelta


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the export."""

    reason: CancelReason


@dataclass(frozen=True, slots=True)
class GiveBack:
    """The worker is at fault: the attempt does not count, unless that happened to the export too often: then this."""

    otherwise: RetryAfter | GiveUp


Fate = RetryAfter | GiveUp | GiveBack
"""What follows a failed attempt."""


def decide(failure: Failure, attempt: int, max_attempts: int, jitter: float, backoff: Backoff | None = None) -> Fate:
    """The fate of an export whose attempt number `attempt` (from 1) failed; a worker's `retry_after` is the least."""
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
