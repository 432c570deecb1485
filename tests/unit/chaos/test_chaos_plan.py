"""The plan of a run: repeatable, and with something for everybody."""

from chaos.plan import KILLS, CallerAction, FaultKind, MisuseKind, round_of

ROUNDS = [round_of(7, number) for number in range(300)]


def test_the_same_seed_gives_the_same_plan() -> None:
    assert [round_of(7, number) for number in range(20)] == ROUNDS[:20]


def test_another_seed_gives_another_plan() -> None:
    assert [round_of(8, number) for number in range(20)] != ROUNDS[:20]


def test_every_round_kills_something() -> None:
    assert all(any(fault.kind in KILLS for fault in one.faults) for one in ROUNDS)


def test_everything_that_can_happen_does() -> None:
    assert {fault.kind for one in ROUNDS for fault in one.faults} == set(FaultKind)
    assert {scenario.action for one in ROUNDS for scenario in one.scenarios} == set(CallerAction)
    assert {misuse.kind for one in ROUNDS for misuse in one.misuses} == set(MisuseKind)
    assert any(scenario.callers > 1 for one in ROUNDS for scenario in one.scenarios)


def test_some_workers_stand_still_for_more_than_two_leases() -> None:
    stops = [fault for one in ROUNDS for fault in one.faults if fault.kind is FaultKind.STOP_WORKER]
    assert any(fault.seconds >= 4 for fault in stops)
