"""The states of an export and every way from one to another. SQL guards, CHECKs, docs and tests are derived from it."""

from enum import Enum


class State(Enum):
    """Where an export stands."""

    QUEUED = "QUEUED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class CancelReason(Enum):
    """Why an export is CANCELLED."""

    REQUESTED = "REQUESTED"
    RETRIES_EXHAUSTED = "RETRIES_EXHAUSTED"
    NOT_RETRYABLE = "NOT_RETRYABLE"


class Event(Enum):
    """What can happen to an export; the value says who makes it happen."""

    LEASE = "a worker leases it, when it is due"
    RENEW = "its worker confirms or renews the lease, perhaps late"
    COMPLETE = "its worker completes it, perhaps late"
    FAIL = "its worker fails, and an attempt is left"
    GIVE_UP = "its worker fails, and no attempt is left or none would help"
    EXPIRE = "its confirmed lease runs out, and an attempt is left"
    EXPIRE_LAST = "its confirmed lease runs out, and no attempt is left"
    EXPIRE_UNCONFIRMED = "its lease was never confirmed: the attempt is given back"
    RELEASE = "its worker drains: the attempt is given back"
    CANCEL = "its caller cancels it"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.QUEUED, Event.LEASE): State.PROCESSING,
    (State.FAILED, Event.LEASE): State.PROCESSING,
    (State.PROCESSING, Event.RENEW): State.PROCESSING,
    (State.FAILED, Event.RENEW): State.PROCESSING,
    (State.PROCESSING, Event.COMPLETE): State.COMPLETED,
    (State.FAILED, Event.COMPLETE): State.COMPLETED,
    (State.PROCESSING, Event.FAIL): State.FAILED,
    (State.PROCESSING, Event.GIVE_UP): State.CANCELLED,
    (State.PROCESSING, Event.EXPIRE): State.FAILED,
    (State.PROCESSING, Event.EXPIRE_LAST): State.CANCELLED,
    (State.PROCESSING, Event.EXPIRE_UNCONFIRMED): State.QUEUED,
    (State.PROCESSING, Event.RELEASE): State.QUEUED,
    (State.QUEUED, Event.CANCEL): State.CANCELLED,
    (State.PROCESSING, Event.CANCEL): State.CANCELLED,
    (State.FAILED, Event.CANCEL): State.CANCELLED,
}

TERMINAL: frozenset[State] = frozenset(State) - {state for state, _ in TRANSITIONS}
"""States that nothing leaves: the export is done."""

LEASABLE: frozenset[State] = frozenset(state for state, event in TRANSITIONS if event is Event.LEASE)
"""States that a worker may take an export from."""


def sources(event: Event) -> frozenset[State]:
    """The states in which `event` may happen."""
    return frozenset(state for state, e in TRANSITIONS if e is event)


def target(event: Event) -> State:
    """The one state to which `event` leads, wherever it happens."""
    (state,) = {to for (_, e), to in TRANSITIONS.items() if e is event}
    return state
