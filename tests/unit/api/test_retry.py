from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.domain.retry import Backoff, GiveBack, GiveUp, RetryAfter, decide
from services.api.domain.states import CancelReason
from services.contract.codes import FailureCode, Retry, failure_code
from services.contract.outcome import Failure

BASE, CAP = Backoff().base, Backoff().cap
FLAKY = Failure(FailureCode.SOURCE_UNAVAILABLE, "the source did not answer")


def test_a_flaky_failure_is_retried_while_attempts_are_left() -> None:
    assert decide(FLAKY, attempt=1, max_attempts=3, jitter=1.0) == RetryAfter(BASE)


def test_the_delay_doubles_up_to_the_cap() -> None:
    delays = [decide(FLAKY, attempt, 20, jitter=1.0) for attempt in range(1, 12)]
    assert delays[1] == RetryAfter(BASE * 2)
    assert delays[-1] == RetryAfter(CAP)


def test_the_last_attempt_exhausts_the_retries() -> None:
    assert decide(FLAKY, attempt=3, max_attempts=3, jitter=0.5) == GiveUp(CancelReason.RETRIES_EXHAUSTED)


@pytest.mark.parametrize("code", FailureCode)
@pytest.mark.parametrize("flag", [True, False])
def test_the_table_decides_on_codes_that_are_known_whatever_the_worker_says(code: FailureCode, flag: bool) -> None:
    failure = Failure(failure_code(code, retryable=flag), "")
    final = isinstance(decide(failure, attempt=1, max_attempts=3, jitter=0.5), GiveUp)
    assert final is (code.retry is Retry.NEVER)


@pytest.mark.parametrize("flag", [True, False])
def test_the_worker_decides_on_codes_that_are_not_known(flag: bool) -> None:
    failure = Failure(failure_code("SOMETHING_NEWER", retryable=flag), "")
    assert failure.code == "SOMETHING_NEWER"
    assert isinstance(decide(failure, attempt=1, max_attempts=3, jitter=0.5), RetryAfter) is flag


@pytest.mark.parametrize(
    "name", ["RELATION_INVALID", "SOURCE_REFUSED", "DATE_OUT_OF_RANGE", "TOO_MANY_COLUMNS", "COLUMN_MISSING"]
)
def test_what_the_request_the_catalog_or_the_rows_have_wrong_is_final(name: str) -> None:
    assert decide(Failure(FailureCode[name], ""), 1, 3, jitter=0.5) == GiveUp(CancelReason.NOT_RETRYABLE)


@pytest.mark.parametrize("code", [code for code in FailureCode if code.retry is Retry.ELSEWHERE])
@pytest.mark.parametrize(("attempt", "counted"), [(1, RetryAfter(BASE)), (3, GiveUp(CancelReason.RETRIES_EXHAUSTED))])
def test_a_failure_of_the_workers_own_surroundings_gives_the_attempt_back_while_that_is_allowed(
    code: FailureCode, attempt: int, counted: RetryAfter | GiveUp
) -> None:
    fate = decide(Failure(code, ""), attempt, 3, jitter=1.0 if attempt == 1 else 0.5)
    assert fate == GiveBack(counted)


def test_a_workers_retry_after_is_the_least_delay() -> None:
    failure = Failure(FailureCode.SOURCE_UNAVAILABLE, "", retry_after=timedelta(minutes=10))
    assert decide(failure, attempt=1, max_attempts=3, jitter=0.1) == RetryAfter(timedelta(minutes=10))


@given(attempt=st.integers(1, 9), jitter=st.floats(0, 1))
def test_jitter_is_full_and_never_exceeds_the_cap(attempt: int, jitter: float) -> None:
    fate = decide(FLAKY, attempt, 10, jitter)
    assert isinstance(fate, RetryAfter)
    assert timedelta() <= fate.delay <= CAP


def test_an_export_that_was_retried_often_still_has_a_delay() -> None:
    assert decide(FLAKY, attempt=2000, max_attempts=3000, jitter=1.0) == RetryAfter(CAP)
