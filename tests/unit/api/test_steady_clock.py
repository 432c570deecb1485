"""The clock of the api while somebody sets that of the machine."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from services.api.steady_clock import MAX_MADE_UP, RATE, SteadyClock
from services.api.world import World

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


class Machine:
    """Its time of day can be set; what passes, passes for both clocks."""

    def __init__(self) -> None:
        self.wall, self.elapsed_s = NOON, 1_000.0
        self.clock = SteadyClock(lambda: self.wall, lambda: self.elapsed_s)

    def passes(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.elapsed_s += seconds

    def is_set_by(self, jump: timedelta) -> None:
        self.wall += jump


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_it_is_the_time_of_day_while_nobody_sets_it(machine: Machine) -> None:
    for seconds in (0.0, 0.001, 1, 59.5, 86_400, 30 * 86_400):
        machine.passes(seconds)
        assert abs(machine.clock() - machine.wall) < timedelta(milliseconds=1)


@pytest.mark.parametrize("jump", [HOUR, -HOUR, MAX_MADE_UP, -MAX_MADE_UP, -365 * MAX_MADE_UP])
def test_a_jump_makes_no_span_much_longer_or_shorter(machine: Machine, jump: timedelta) -> None:
    before = machine.clock()
    machine.is_set_by(jump)
    for _ in range(30):
        machine.passes(1)
        machine.clock()
    span = machine.clock() - before
    assert 30 * SECOND * (1 - RATE) <= span <= 30 * SECOND * (1 + RATE)


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_jump_is_made_up_for(machine: Machine, jump: timedelta) -> None:
    machine.is_set_by(jump)
    for _ in range(round(HOUR / SECOND / RATE) + 1):
        machine.passes(1)
        machine.clock()
    assert abs(machine.clock() - machine.wall) < timedelta(milliseconds=1)


def test_a_clock_that_had_not_been_set_is_gone_along_with(machine: Machine) -> None:
    machine.is_set_by(MAX_MADE_UP + SECOND)
    machine.passes(1)
    assert machine.clock() == machine.wall


def test_it_never_goes_back(machine: Machine) -> None:
    chance = random.Random(7)
    seen = []
    for _ in range(2_000):
        machine.passes(chance.choice([0, 1e-6, 0.01, 1, 100]))
        machine.is_set_by(chance.choice([0, 0, 1, -1, 40, -40]) * HOUR)
        seen.append(machine.clock())
    assert all(earlier <= later for earlier, later in pairwise(seen))


@pytest.mark.parametrize(("ahead", "counts"), [(-HOUR, False), (HOUR, True), (MAX_MADE_UP, True), (25 * HOUR, False)])
def test_it_goes_on_from_where_another_process_ended(machine: Machine, ahead: timedelta, counts: bool) -> None:
    machine.clock.not_before(NOON + ahead)
    assert machine.clock() == (NOON + ahead if counts else NOON)


def test_others_are_told_the_time_that_they_have(machine: Machine) -> None:
    world = World(clock=machine.clock)
    machine.is_set_by(HOUR)
    assert (world.clock(), world.wall()) == (NOON, NOON + HOUR)
    assert World(clock=lambda: NOON).wall() == NOON


def test_the_real_one_is_the_time_of_day() -> None:
    world = World()
    assert abs(world.clock() - world.wall()) < timedelta(seconds=1)
