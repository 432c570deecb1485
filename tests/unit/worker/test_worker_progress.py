from collections.abc import Callable
from datetime import timedelta
from itertools import islice

import pytest

from services.contract.outcome import Phase, Progress
from services.runtime.pauses import pauses
from services.worker.child.progress_meter import Meter
from services.worker.progress import Teller, heard, pair
from services.worker.supervisor.contact import READY_WITHIN_S, Contact

FULL = Progress(Phase.WRITING, 7, 10, 2**40, timedelta(seconds=1.5))


class Clock:
    """Goes only when told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("progress", [FULL, Progress(Phase.READING)])
def test_a_report_arrives_as_it_was_sent(progress: Progress) -> None:
    hear, tell = pair()
    with hear, tell:
        Teller(tell)(progress)
        assert list(heard(hear)) == [progress]
        assert list(heard(hear)) == []


def test_reports_that_nobody_hears_are_lost_and_hold_nothing_up() -> None:
    hear, tell = pair()
    with hear, tell:
        report = Teller(tell)
        for _ in range(10_000):
            report(FULL)
        hear.close()
        report(FULL)


INTERVAL_S = 0.1


def test_a_meter_reports_each_phase_and_else_ten_times_a_second() -> None:
    clock, reports = Clock(), []
    meter = Meter(reports.append, lambda: 5, INTERVAL_S, clock)
    meter.enter(Phase.READING)
    for _ in range(100):
        clock.now += 0.01
        meter.wrote(3)
    meter.enter(Phase.PACKAGING)
    assert reports[0] == Progress(Phase.READING, 0, 0, 5)
    assert reports[1] == Progress(Phase.WRITING, 3, 0, 5)
    assert 10 <= len(reports) <= 13
    assert reports[-1].phase is Phase.PACKAGING


def test_a_meter_that_nothing_follows_says_what_it_left_out_and_only_that() -> None:
    clock, reports = Clock(), []
    meter = Meter(reports.append, lambda: 5, INTERVAL_S, clock)
    meter.wrote(3)
    meter.catch_up()
    meter.wrote(4)
    clock.now += 1
    meter.catch_up()
    meter.catch_up()
    assert [report.rows_written for report in reports] == [3, 4]


def test_the_rest_is_expected_to_go_like_the_rows_since_the_first_ones() -> None:
    clock, reports = Clock(), []
    meter = Meter(reports.append, lambda: 0, INTERVAL_S, clock)
    meter.rows_total = 100
    clock.now += 140  # the source is being opened
    meter.wrote(20)
    assert reports[-1].eta is None
    clock.now += 2
    meter.wrote(40)
    assert reports[-1].eta == timedelta(seconds=6)


ROWS = 100_000
Story = Callable[[float], float]
"""Seconds that a row takes, by the part of the rows that is written."""

STORIES: dict[str, Story] = {
    "evenly": lambda _: 0.001,
    "in turn slow and quick": lambda part: 0.0005 if int(part * 50) % 2 else 0.0015,
    "with a slow beginning": lambda part: 0.003 if part < 0.02 else 0.001,
    "with a quick beginning": lambda part: 0.0003 if part < 0.02 else 0.001,
    "ever slower": lambda part: 0.001 * (1 + part),
    "ever quicker": lambda part: 0.001 * (2 - part),
    "with a stop": lambda part: 0.02 if 0.5 < part < 0.505 else 0.001,
}


@pytest.mark.parametrize("batch", [100, 1_000, 4_000])
@pytest.mark.parametrize("opening_s", [0, 300])
@pytest.mark.parametrize("takes", STORIES.values(), ids=STORIES)
def test_after_a_tenth_of_the_rows_the_rest_is_known_within_a_factor_of_two(
    takes: Story, opening_s: float, batch: int
) -> None:
    clock, told = Clock(), []
    meter = Meter(lambda report: told.append((clock.now, report)), lambda: 0, INTERVAL_S, clock)
    meter.rows_total = ROWS
    meter.enter(Phase.READING)
    clock.now += opening_s
    for written in range(batch, ROWS + 1, batch):
        clock.now += batch * takes(written / ROWS)
        meter.wrote(written)
        meter.catch_up()
    end = clock.now
    later = [(at, report) for at, report in told if ROWS * 0.1 < report.rows_written < ROWS * 0.95]
    assert later
    for at, report in later:
        assert report.eta is not None
        assert (end - at) / 2 <= report.eta.total_seconds() <= (end - at) * 2, report


def test_what_comes_behind_the_rows_has_no_time_that_is_known() -> None:
    clock, reports = Clock(), []
    meter = Meter(reports.append, lambda: 0, INTERVAL_S, clock)
    meter.rows_total = 100
    for written in (50, 100):
        clock.now += 1
        meter.wrote(written)
    assert reports[-1].eta == timedelta()
    meter.enter(Phase.PACKAGING)
    assert reports[-1].eta is None


def test_rows_that_come_at_one_instant_are_measured_with_the_next_ones() -> None:
    clock, reports = Clock(), []
    meter = Meter(reports.append, lambda: 0, INTERVAL_S, clock)
    meter.rows_total = 100
    for written in (10, 20, 30):
        meter.wrote(written)
    clock.now += 2
    meter.wrote(50)
    assert reports[-1].eta == timedelta(seconds=2.5)  # 40 rows in 2 s, 50 are left


def test_a_worker_is_ready_while_answers_are_fresh() -> None:
    clock = Clock()
    contact = Contact(clock)
    assert not contact.fresh()
    contact.answered()
    clock.now += READY_WITHIN_S
    assert contact.fresh()
    clock.now += 1
    assert not contact.fresh()


def test_silence_is_measured_from_the_last_heartbeat_that_was_answered() -> None:
    clock = Clock()
    contact = Contact(clock)
    clock.now += 5
    contact.heartbeat_answered()
    assert contact.confirmed.is_set()
    clock.now += 3
    contact.heartbeat_lost()
    contact.answered()
    assert contact.silent_s() == 3
    assert not contact.confirmed.is_set()


@pytest.mark.parametrize(("chance", "factor"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_pauses_double_up_to_their_limit_a_fifth_more_or_less(chance: float, factor: float) -> None:
    first = list(islice(pauses(lambda: chance, 1, 4), 5))
    assert first == pytest.approx([factor * pause for pause in (1, 2, 4, 4, 4)])
