"""Notifications of the end of a run, and their states."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from services.api.domain.export import Export
from services.api.domain.states import State

MAX_TRIES_KEPT = 20
MAX_OUTCOME_CHARACTERS = 200

SUPERSEDED = "a later run has ended"
"""The outcome of a notification that was not accepted before a later run ended: it would contradict the later one."""


class Channel(Enum):
    """The channel of a notification."""

    CALLBACK = "CALLBACK"
    EMAIL = "EMAIL"


class DeliveryState(Enum):
    """The state of a notification. SENT: accepted by the receiver. GIVEN_UP: no attempt is left."""

    PENDING = "PENDING"
    SENT = "SENT"
    GIVEN_UP = "GIVEN_UP"


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt to deliver. `outcome` is a short text that is safe to show, such as "204" or "timed out"."""

    time: datetime
    outcome: str


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """The position of a delivery among those of its export: by run, then by the name of the channel."""

    run: int
    channel: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification of the end of run `run` of an export, on one channel.

    `id` is the same for every attempt. `target` is a URL or a mail address. `notice` is the content (see the function
    `notice_on`), frozen when the run ended. `attempt` counts attempts from 0; `next_attempt_time` is set while PENDING.
    `tries` are the last 20 attempts.
    """

    id: str
    export_id: str
    tenant: str
    run: int
    channel: Channel
    target: str
    notice: dict[str, Any]
    state: DeliveryState
    attempt: int
    next_attempt_time: datetime | None
    create_time: datetime
    end_time: datetime | None
    tries: tuple[Try, ...] = ()

    @property
    def position(self) -> Position:
        """The position, which is unique among the deliveries of the same export."""
        return Position(self.run, self.channel.name)


@dataclass(frozen=True, slots=True)
class Held:
    """A delivery that this process must attempt now. Nobody else attempts it until the hold `lease_id` has lapsed."""

    delivery: Delivery
    lease_id: str


def channels(export: Export) -> dict[Channel, str]:
    """Return the channels on which the end of this export is announced, with the target of each."""
    targets = {Channel.CALLBACK: export.callback_url, Channel.EMAIL: export.notify_email}
    return {channel: target for channel, target in targets.items() if target}


def notice_on(channel: Channel, export: Export) -> dict[str, Any]:
    """Return the content of a notification. A mail has more than a callback, whose fields are fixed."""
    return notice(export) | (_more(export) if channel is Channel.EMAIL else {})


def _more(export: Export) -> dict[str, Any]:
    """Return what only a mail says: the rows, until when the file stays (ISO 8601, UTC), and whether it is encrypted.

    All are None if there is no file.
    """
    file = export.file
    return {
        "rowCount": file.row_count if file else None,
        "expireTime": file.expire_time.isoformat() if file else None,
        "encrypted": file.artifact.encrypted if file else None,
    }


def notice(export: Export) -> dict[str, Any]:
    """Return the end of a run as the eight fields of a callback. The last two are None if there is no file."""
    file = export.file
    success = export.state is State.COMPLETED
    failures = () if success else (error.message for error in export.errors if error.run == export.run)
    return {
        "idExportJob": export.id,
        "exportType": export.type,
        "success": success,
        "status": export.state.value,
        "errorMessages": list(failures),
        "durationMs": round(export.duration.total_seconds() * 1000) if export.duration else 0,
        "fileName": file.filename if file else None,
        "fileSizeBytes": file.artifact.size_bytes if file else None,
    }
