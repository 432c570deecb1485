from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.api.notify.schedule import MAX_ATTEMPTS, MAX_WAIT, Failed, delay

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
FLAKY = Failed("503")


def test_the_schedule_is_that_of_standard_webhooks() -> None:
    delays = [delay(FLAKY, attempt, jitter=0) for attempt in range(1, 11)]
    scheduled = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, *(n * HOUR for n in (2, 5, 10, 14, 20, 24)), None]
    assert delays == scheduled
    assert sum(filter(None, delays), timedelta()) == timedelta(hours=75, minutes=35, seconds=5)


@settings(deadline=None)
@given(attempt=st.integers(1, 9), jitter=st.floats(0, 1))
def test_jitter_only_lengthens_a_delay_by_a_fifth_at_most(attempt: int, jitter: float) -> None:
    exact = delay(FLAKY, attempt, jitter=0)
    assert exact is not None
    assert exact <= (delay(FLAKY, attempt, jitter) or timedelta()) <= exact * 1.2


def test_a_receiver_that_asks_for_patience_gets_it_up_to_a_day() -> None:
    assert delay(Failed("429", wait=10 * MINUTE), 1, 0) == 10 * MINUTE
    assert delay(Failed("429", wait=timedelta(days=30)), 1, 0) == MAX_WAIT
    assert delay(Failed("429", wait=SECOND), 2, 0) == 5 * MINUTE


@pytest.mark.parametrize("attempt", [1, MAX_ATTEMPTS])
def test_what_was_refused_for_good_is_not_tried_again(attempt: int) -> None:
    assert delay(Failed("410", for_good=True), attempt, 0) is None


def test_asking_for_patience_brings_no_try_beyond_the_last() -> None:
    assert delay(Failed("429", wait=MINUTE), MAX_ATTEMPTS, 0) is None
    assert delay(FLAKY, MAX_ATTEMPTS + 3, 0) is None
