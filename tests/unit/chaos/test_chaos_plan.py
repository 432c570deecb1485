"""The plan of a run: repeatable, and with something for everybody."""

from chaos.plan import KILLS, Ending, FaultKind, Manner, round_of

ROUNDS = [round_of(7, number) for number in range(300)]


def test_the_same_seed_gives_the_same_plan() -> None:
    assert [round_of(7, number) for number in range(20)] == ROUNDS[:20]


def test_another_seed_gives_another_plan() -> None:
    assert [round_of(8, number) for number in range(20)] != ROUNDS[:20]


def test_every_round_kills_something() -> None:
    assert all(any(fault.kind in KILLS for fault in one.faults) for one in ROUNDS)


def test_everything_that_can_happen_does() -> None:
    assert {fault.kind for one in ROUNDS for fault in one.faults} == set(FaultKind)
    assert {story.ending for one in ROUNDS for story in one.stories} == set(Ending)
    assert {misdeed.manner for one in ROUNDS for misdeed in one.misdeeds} == set(Manner)
    assert any(story.callers > 1 for one in ROUNDS for story in one.stories)


def test_some_workers_stand_still_for_more_than_two_leases() -> None:
    stops = [fault for one in ROUNDS for fault in one.faults if fault.kind is FaultKind.STOP_WORKER]
    assert any(fault.seconds >= 4 for fault in stops)
