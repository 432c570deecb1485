"""Notifications of the end of a run or of each change of an export, and their states."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from services.api.domain.events import EVENTS_COUNTED, events_of, has_events
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
    """The position of a delivery among those of its export: by run, by the name of the channel, by its number."""

    run: int
    channel: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification of the end of run `run` of an export, or of an event of that run, on one channel.

    `id` is the same for every attempt. `target` is a URL or a mail address. `notice` is the content, frozen when it
    happened. `event` is the type of the event, and `number` orders the events of an export; "" and 0 for the end of a
    run. `attempt` counts attempts from 0; `next_attempt_time` is set while PENDING. `tries` are the last 20 attempts.
    `trace` is that of the export.
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
    event: str = ""
    number: int = 0
    trace: str = ""

    @property
    def position(self) -> Position:
        """The position, which is unique among the deliveries of the same export."""
        return Position(self.run, self.channel.name, self.number)


@dataclass(frozen=True, slots=True)
class Held:
    """A delivery that this process must attempt now. Nobody else attempts it until the hold `lease_id` has lapsed."""

    delivery: Delivery
    lease_id: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """A new delivery of what has just happened to an export. See Delivery."""

    channel: Channel
    target: str
    id: str
    notice: dict[str, Any]
    event: str = ""
    number: int = 0


def announcements(export: Export, before: State | None, *, ends: bool) -> Iterator[Announcement]:
    """Yield the notifications of the change that led to this version of an export.

    `before` is the state before the change; None if the export was created. `ends` says whether the change ended a run.
    """
    if has_events(export):
        for event in events_of(export, before):
            id_ = _new_id()
            notice = event.notice(id_)
            yield Announcement(Channel.CALLBACK, export.callback_url, id_, notice, event.type, event.number)
    if ends:
        for channel, target in channels(export).items():
            if channel is not Channel.CALLBACK or not has_events(export):
                yield Announcement(channel, target, _new_id(), notice_on(channel, export))


def _new_id() -> str:
    """Return the id of a delivery: 32 hexadecimal digits, which are a UUID."""
    return f"msg_{UUID(bytes=secrets.token_bytes(16), version=4).hex}"


def notification_count(export: Export) -> int:
    """Return how many notifications an export counts as, for the quota."""
    return len(channels(export)) + (EVENTS_COUNTED - 1) * has_events(export)


def channels(export: Export) -> dict[Channel, str]:
    """Return the channels on which this export is announced, with the target of each."""
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
