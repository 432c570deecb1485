"""The plan of a run: repeatable, and with something for everybody."""

from chaos.draw import round_of
from chaos.plan import KILLS, LOCAL, SHARED, CallerAction, FaultKind, MisuseKind
from chaos.workload import DRAFTS, FILE_TYPES, NOTE, PAPERS, SCAN

ROUNDS = [round_of(7, number) for number in range(300)]


def test_the_same_seed_gives_the_same_plan() -> None:
    assert [round_of(7, number) for number in range(20)] == ROUNDS[:20]


def test_another_seed_gives_another_plan() -> None:
    assert [round_of(8, number) for number in range(20)] != ROUNDS[:20]


def test_on_several_machines_their_stores_break_too() -> None:
    rounds = [round_of(7, number, SHARED) for number in range(300)]
    faults = [fault for one in rounds for fault in one.faults]
    assert {fault.kind for fault in faults} == {*SHARED.kills, *SHARED.others}
    assert {*LOCAL.kills, *LOCAL.others, *SHARED.kills, *SHARED.others} == set(FaultKind)
    assert {fault.which for fault in faults if fault.kind is FaultKind.CUT} == set(range(SHARED.proxies))
    assert all(any(fault.kind in KILLS for fault in one.faults) for one in rounds)
    assert [one.scenarios for one in rounds] == [one.scenarios for one in ROUNDS]


def test_every_round_kills_something() -> None:
    assert all(any(fault.kind in KILLS for fault in one.faults) for one in ROUNDS)


def test_everything_that_can_happen_does() -> None:
    assert {fault.kind for one in ROUNDS for fault in one.faults} == {*LOCAL.kills, *LOCAL.others}
    assert {scenario.action for one in ROUNDS for scenario in one.scenarios} == set(CallerAction)
    assert {misuse.kind for one in ROUNDS for misuse in one.misuses} == set(MisuseKind)
    assert any(scenario.callers > 1 for one in ROUNDS for scenario in one.scenarios)


def test_some_workers_stand_still_for_more_than_two_leases() -> None:
    stops = [fault for one in ROUNDS for fault in one.faults if fault.kind is FaultKind.STOP_WORKER]
    assert any(fault.seconds >= 4 for fault in stops)


def test_every_way_to_package_attachments_is_asked_for() -> None:
    asked = [scenario for one in ROUNDS for scenario in one.scenarios]
    ways = {(s.packaging, s.file_types, s.password) for s in asked if s.collection == PAPERS}
    for file_types in ((), (SCAN,), (NOTE,), FILE_TYPES):
        for packaging, password in (
            ("auto", False),
            ("auto", True),
            ("zip", False),
            ("zip", True),
            ("separate", False),
        ):
            assert (packaging, file_types, password) in ways
    assert not any(s.password for s in asked if s.packaging == "separate"), "which is refused"
    assert not any(s.file_types for s in asked if s.collection != PAPERS), "which have none"


def test_operators_retry_drafts_encrypted_ones_too() -> None:
    retried = [s for one in ROUNDS for s in one.scenarios if s.action is CallerAction.RETRY]
    assert {scenario.collection for scenario in retried} == {DRAFTS}
    assert {scenario.password for scenario in retried} == {True, False}
    assert {scenario.max_attempts for scenario in retried} >= {1, 10}


def test_ends_are_announced_in_every_way() -> None:
    asked = {(s.callback, s.mail, s.action) for one in ROUNDS for s in one.scenarios}
    assert asked == {(called, mail, action) for called in (0, 1) for mail in (0, 1) for action in CallerAction}


def test_previews_are_asked_for_in_every_round_up_and_down() -> None:
    assert all(one.previews for one in ROUNDS)
    questions = [question for one in ROUNDS for question in one.previews]
    assert {question.descending for question in questions} == {True, False}
    assert {question.collection for question in questions} == {"Few", "Some", "Many", PAPERS}
