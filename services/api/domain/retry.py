"""Whether and when a failed attempt is followed by another: the api decides, workers only hint."""

from dataclasses import dataclass
from datetime import timedelta

from services.api.domain.states import CancelReason
from services.contract.outcome import Failure

BASE = timedelta(seconds=5)
CAP = timedelta(minutes=5)

NON_RETRYABLE = frozenset(
    {"COLUMN_MISSING", "RELATION_MISSING", "VALUE_INVALID", "TEXT_TOO_LONG", "PASSWORD_UNREADABLE"}
)
"""Failures that no retry mends, whatever the worker hints."""


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Try again, not before `delay` from now."""

    delay: timedelta


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the export."""

    reason: CancelReason


def decide(failure: Failure, attempt: int, max_attempts: int, jitter: float) -> RetryAfter | GiveUp:
    """The fate of an export whose attempt number `attempt` (from 1) failed.

    Backoff is exponential with full jitter: `jitter` (0 to 1) scales min(CAP, BASE * 2^(attempt-1)); a worker's
    `retry_after` is the least.
    """
    if not failure.retryable or failure.code in NON_RETRYABLE:
        return GiveUp(CancelReason.NOT_RETRYABLE)
    if attempt >= max_attempts:
        return GiveUp(CancelReason.RETRIES_EXHAUSTED)
    delay = min(CAP, BASE * 2 ** (attempt - 1)) * jitter
    return RetryAfter(max(delay, failure.retry_after or timedelta()))
