from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.domain.retry import NON_RETRYABLE, Backoff, GiveUp, RetryAfter, decide
from services.api.domain.states import CancelReason
from services.contract.outcome import Failure

BASE, CAP = Backoff().base, Backoff().cap
FLAKY = Failure("SOURCE_UNAVAILABLE", "the source did not answer", retryable=True)


def test_a_flaky_failure_is_retried_while_attempts_are_left() -> None:
    assert decide(FLAKY, attempt=1, max_attempts=3, jitter=1.0) == RetryAfter(BASE)


def test_the_delay_doubles_up_to_the_cap() -> None:
    delays = [decide(FLAKY, attempt, 20, jitter=1.0) for attempt in range(1, 12)]
    assert delays[1] == RetryAfter(BASE * 2)
    assert delays[-1] == RetryAfter(CAP)


def test_the_last_attempt_exhausts_the_retries() -> None:
    assert decide(FLAKY, attempt=3, max_attempts=3, jitter=0.5) == GiveUp(CancelReason.RETRIES_EXHAUSTED)


@pytest.mark.parametrize("code", sorted(NON_RETRYABLE))
def test_some_codes_are_never_retried_whatever_the_worker_hints(code: str) -> None:
    failure = Failure(code, "it will not get better", retryable=True)
    assert decide(failure, attempt=1, max_attempts=3, jitter=0.5) == GiveUp(CancelReason.NOT_RETRYABLE)


def test_a_worker_can_say_that_no_retry_helps() -> None:
    failure = Failure("SOMETHING", "", retryable=False)
    assert decide(failure, attempt=1, max_attempts=3, jitter=0.5) == GiveUp(CancelReason.NOT_RETRYABLE)


def test_a_workers_retry_after_is_the_least_delay() -> None:
    failure = Failure("SOURCE_UNAVAILABLE", "", retryable=True, retry_after=timedelta(minutes=10))
    assert decide(failure, attempt=1, max_attempts=3, jitter=0.1) == RetryAfter(timedelta(minutes=10))


@given(attempt=st.integers(1, 9), jitter=st.floats(0, 1))
def test_jitter_is_full_and_never_exceeds_the_cap(attempt: int, jitter: float) -> None:
    fate = decide(FLAKY, attempt, 10, jitter)
    assert isinstance(fate, RetryAfter)
    assert timedelta() <= fate.delay <= CAP


def test_an_export_that_was_retried_often_still_has_a_delay() -> None:
    assert decide(FLAKY, attempt=2000, max_attempts=3000, jitter=1.0) == RetryAfter(CAP)
