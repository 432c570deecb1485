"""The history of an export: one entry for each change of state. Entries never change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from services.api.domain.leases import EXPIRED_CODE, EXPIRED_MESSAGE
from services.api.domain.states import Event, State


class Actor(Enum):
    """Who caused an event."""

    CALLER = "CALLER"
    WORKER = "WORKER"
    CLOCK = "CLOCK"
    OPERATOR = "OPERATOR"


MAX_REASON_CHARACTERS = 300

REASONS: Mapping[Event, str] = {
    Event.CANCEL: "asked for",
    Event.RENEW: "reported after its lease had expired",
    Event.RELEASE: "given back",
    Event.EXPIRE_UNCONFIRMED: "no worker confirmed the lease",
    Event.EXPIRE: f"{EXPIRED_CODE}: {EXPIRED_MESSAGE}",
    Event.EXPIRE_LAST: f"{EXPIRED_CODE}: {EXPIRED_MESSAGE}",
}
"""The reasons of those events that have a fixed one."""

CREATED = "CREATE"
"""The event of the first entry. The events of all others are names of states.Event."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One entry: the change from state `before` (None at creation) to state `after`, in run `run` at attempt `attempt`.

    `version` is the export's version after the change. `worker_id` is set if a worker caused it. `reason` is a text for
    people that is safe to show; it may be empty.
    """

    version: int
    run: int
    attempt: int
    event: str
    before: State | None
    after: State
    actor: Actor
    worker_id: str
    reason: str
    time: datetime
