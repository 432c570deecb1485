"""The reports of workers about their leases: items of the lists that the verbs take."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.api.domain.export import MAX_CODE_CHARACTERS, MAX_MESSAGE_CHARACTERS, StoredFile
from services.api.domain.leases import LeasePolicy
from services.api.domain.retry import Fate, GiveBack, GiveUp, RetryAfter
from services.api.domain.states import Event
from services.api.storage.sql.column_types import to_micros
from services.api.storage.sql.rows import file_values
from services.contract.job import LeaseRef
from services.contract.outcome import Failure, RunStats


@dataclass(frozen=True, slots=True)
class Renewal:
    """The arguments of `renew`; see LeaseStore."""

    worker_id: str
    leases: tuple[LeaseRef, ...]
    now: datetime


@dataclass(frozen=True, slots=True)
class Completion:
    """The arguments of `complete`; see LeaseStore."""

    lease: LeaseRef
    file: StoredFile
    stats: RunStats
    now: datetime
    attachments: StoredFile | None

    @property
    def has_every_row(self) -> bool:
        return self.stats.rows_matched == self.stats.rows_written

    def values(self) -> dict[str, Any]:
        """Return the values for a listed UPDATE."""
        of = {"of_id": self.lease.export_id, "of_lease": self.lease.lease_id, "now": self.now}
        return of | file_values(self.file, self.stats, self.attachments)


@dataclass(frozen=True, slots=True)
class Failed:
    """The arguments of `fail`; see LeaseStore."""

    lease: LeaseRef
    failure: Failure
    fate: Fate
    now: datetime

    @property
    def code(self) -> str:
        return self.failure.code[:MAX_CODE_CHARACTERS]

    @property
    def message(self) -> str:
        return self.failure.message[:MAX_MESSAGE_CHARACTERS]

    @property
    def reason(self) -> str:
        return f"{self.code}: {self.message}"

    def values(self, event: Event, policy: LeasePolicy) -> dict[str, Any] | None:
        """Return the values for the listed UPDATE of this event; None if the event must not happen."""
        of = {"of_id": self.lease.export_id, "of_lease": self.lease.lease_id, "now": self.now}
        error = {"code": self.code, "message": self.message, "now_micros": to_micros(self.now)}
        counted = self.fate.otherwise if isinstance(self.fate, GiveBack) else self.fate
        match event, counted:
            case Event.GIVE_BACK, _ if counted is not self.fate:
                return of | {"given_back_limit": policy.given_back_limit}
            case Event.FAIL, RetryAfter(delay):
                return of | error | {"due": self.now + delay}
            case Event.GIVE_UP, GiveUp(reason):
                return of | error | {"reason": reason}
        return None


@dataclass(frozen=True, slots=True)
class Release:
    """The arguments of `release`; see LeaseStore."""

    leases: tuple[LeaseRef, ...]
    now: datetime

    @property
    def export_ids(self) -> list[str]:
        """The ids of the exports, each once, whichever of its leases are named."""
        return [*dict.fromkeys(lease.export_id for lease in self.leases)]

    def values(self) -> Iterator[dict[str, Any]]:
        """Yield the values for a listed UPDATE."""
        for lease in dict.fromkeys(self.leases):
            yield {"of_id": lease.export_id, "of_lease": lease.lease_id, "now": self.now}
