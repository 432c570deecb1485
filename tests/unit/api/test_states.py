from itertools import product

import pytest

from services.api.domain.states import ENDINGS, LEASABLE, TERMINAL, TRANSITIONS, Event, State, sources, target


def test_exactly_completed_and_cancelled_are_terminal() -> None:
    assert {State.COMPLETED, State.CANCELLED} == TERMINAL


def test_work_is_taken_from_queued_and_failed() -> None:
    assert {State.QUEUED, State.FAILED} == LEASABLE


@pytest.mark.parametrize("event", list(Event), ids=lambda e: e.name)
def test_each_event_leads_to_one_state_wherever_it_happens(event: Event) -> None:
    assert sources(event)
    assert all(TRANSITIONS[state, event] is target(event) for state in sources(event))


@pytest.mark.parametrize(
    ("state", "event"),
    [(s, e) for s, e in product(State, Event) if s in TERMINAL and e is not Event.RETRY],
    ids=lambda x: x.name,
)
def test_nothing_but_an_operator_leaves_a_terminal_state(state: State, event: Event) -> None:
    assert (state, event) not in TRANSITIONS


def test_exactly_what_ends_a_run_is_announced() -> None:
    assert {Event.COMPLETE, Event.GIVE_UP, Event.EXPIRE_LAST, Event.CANCEL} == ENDINGS


def test_every_state_but_queued_is_reached() -> None:
    assert set(TRANSITIONS.values()) == set(State)
