"""What the store holds of each export, request and announcement. Records are never changed, but replaced."""

from dataclasses import dataclass, field
from datetime import datetime

from services.api.domain.export import Export
from services.api.domain.notifications import Delivery
from services.api.ports.exports import RequestMark
from services.contract.job import LeaseRef
from services.contract.spec import JobSpec


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease in force. It stays when it expired and nobody else took the export, and when it completed."""

    id: str
    worker_id: str
    poll_id: str
    create_time: datetime
    expire_time: datetime
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """An export with all that stands beside it; `ended_lease_id` is what its own failure or a cancel ended last."""

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
        """The fence: a lease that another has replaced, or that was cleared, is none."""
        return self.lease is not None and self.lease.id == lease.lease_id


@dataclass(frozen=True, slots=True)
class Request:
    """What a request_id stands for."""

    mark: RequestMark
    export_id: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Announced:
    """A delivery and the hold on it; `lease_id` is empty when nobody has one."""

    delivery: Delivery
    lease_id: str = ""
