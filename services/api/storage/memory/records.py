"""The records of exports, requests and deliveries. Records are immutable; a change replaces them."""

from dataclasses import dataclass, field
from datetime import datetime

from services.api.domain.export import Export
from services.api.domain.notifications import Delivery
from services.api.ports.exports import RequestMark
from services.contract.job import LeaseRef
from services.contract.spec import JobSpec


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease in force. It stays after it expired, until another worker leases the export, and after it completed."""

    id: str
    worker_id: str
    poll_id: str
    create_time: datetime
    expire_time: datetime
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """An export with its job and its lease.

    `ended_lease_id` is the lease that last ended by its own failure or by a cancel.
    """

    export: Export
    spec: JobSpec
    sealed_password: bytes | None = field(default=None, repr=False)
    lease: Lease | None = None
    ended_lease_id: str = ""
    lease_count: int = 0
    unconfirmed_count: int = 0
    given_back_count: int = 0
    deleted_time: datetime | None = None

    def holds(self, lease: LeaseRef) -> bool:
        """Whether this lease is in force. A lease that was replaced or cleared is not."""
        return self.lease is not None and self.lease.id == lease.lease_id


@dataclass(frozen=True, slots=True)
class Request:
    """The export that a request_id identifies."""

    mark: RequestMark
    export_id: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Announced:
    """A delivery and the hold on it. `lease_id` is empty if nobody holds it."""

    delivery: Delivery
    lease_id: str = ""
