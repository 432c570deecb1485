"""What happened to an export: one entry a change of state, never changed afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from services.api.domain.leases import EXPIRED_CODE, EXPIRED_MESSAGE
from services.api.domain.states import Event, State


class Actor(Enum):
    """Who made something happen."""

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
"""Why, where the event alone says it."""

CREATED = "CREATE"
"""The event of the first entry; all others are names of states.Event."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One entry: from the state before (None at create) to the state after, in run `run` at attempt `attempt`.

    `version` is that of the export afterwards. `worker_id` is set when a worker did it. `reason` is for people and safe
    to show; it may be empty.
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
