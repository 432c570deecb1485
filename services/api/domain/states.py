"""The states of an export and the transitions between them.

SQL guards, CHECKs, docs and tests are derived from these.
"""

from enum import Enum


class State(Enum):
    """The state of an export."""

    QUEUED = "QUEUED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    __hash__ = object.__hash__  # Enum's own is a function in Python, and each call looks states up several times


class CancelReason(Enum):
    """Why an export is CANCELLED."""

    REQUESTED = "REQUESTED"
    RETRIES_EXHAUSTED = "RETRIES_EXHAUSTED"
    NOT_RETRYABLE = "NOT_RETRYABLE"


class Event(Enum):
    """An event in the life of an export. The value says who causes it."""

    LEASE = "a worker leases it, when it is due"
    RENEW = "its worker confirms or renews the lease, perhaps late"
    COMPLETE = "its worker completes it, perhaps late"
    FAIL = "its worker fails, and an attempt is left"
    GIVE_UP = "its worker fails, and no attempt is left or a retry cannot help"
    EXPIRE = "its confirmed lease expires, and an attempt is left"
    EXPIRE_LAST = "its confirmed lease expires, and no attempt is left"
    EXPIRE_UNCONFIRMED = "its lease was never confirmed: the attempt is given back"
    RELEASE = "its worker drains: the attempt is given back"
    GIVE_BACK = "its worker's own environment fails, and not too often: the attempt is given back"
    CANCEL = "its caller cancels it"
    RETRY = "an operator retries it, unless its caller had cancelled it"


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
    (State.PROCESSING, Event.GIVE_BACK): State.QUEUED,
    (State.QUEUED, Event.CANCEL): State.CANCELLED,
    (State.PROCESSING, Event.CANCEL): State.CANCELLED,
    (State.FAILED, Event.CANCEL): State.CANCELLED,
    (State.CANCELLED, Event.RETRY): State.QUEUED,
}

TERMINAL: frozenset[State] = frozenset(State) - {state for state, event in TRANSITIONS if event is not Event.RETRY}
"""The states in which an export is done. Only an operator's retry leaves them; it begins a new run."""

ENDINGS: frozenset[Event] = frozenset(event for (_, event), to in TRANSITIONS.items() if to in TERMINAL)
"""The events that end a run. Each is announced to whoever asked for notifications."""

LEASABLE: frozenset[State] = frozenset(state for state, event in TRANSITIONS if event is Event.LEASE)
"""The states from which a worker may lease an export."""


def sources(event: Event) -> frozenset[State]:
    """Return the states in which `event` may happen."""
    return frozenset(state for state, e in TRANSITIONS if e is event)


def target(event: Event) -> State:
    """Return the one state to which `event` leads, from every state in which it may happen."""
    (state,) = {to for (_, e), to in TRANSITIONS.items() if e is event}
    return state
