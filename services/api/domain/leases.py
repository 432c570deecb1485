"""Leases: how long they last, and what a claim returns."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.api.domain.export import Export
from services.contract.capabilities import EVERYTHING, Capabilities, Requirement
from services.contract.codes import FailureCode
from services.contract.job import LeaseRef, Verdict
from services.contract.spec import JobSpec

EXPIRED_CODE = FailureCode.LEASE_EXPIRED
EXPIRED_MESSAGE = "the worker stopped answering"
"""The failure message of an attempt whose lease expired."""


@dataclass(frozen=True, slots=True)
class LeasePolicy:
    """How long leases last.

    `confirm_window` is the time until the first deadline, before the worker's first heartbeat. After that each renewal
    lasts for `ttl`, but no lease lasts longer than its start + `run_timeout` + `ttl`. From the `unconfirmed_limit`-th
    unconfirmed lease of an export on, such a lease uses up an attempt; so does the `given_back_limit`-th failure of an
    export that was the workers' fault. For `avoidance` after such a failure, the export is kept from the worker that
    had it while another worker could build it. A claim that comes with completions waits for at most `inspection_wait`
    until their files were looked at, so that both are one transaction. A store elsewhere may take longer.
    """

    confirm_window: timedelta = timedelta(seconds=15)
    ttl: timedelta = timedelta(seconds=30)
    heartbeat_interval: timedelta = timedelta(seconds=10)
    run_timeout: timedelta = timedelta(hours=6)
    unconfirmed_limit: int = 10
    given_back_limit: int = 10
    avoidance: timedelta = timedelta(seconds=60)
    inspection_wait: timedelta = timedelta(milliseconds=20)

    def renewal_due(self, remaining: timedelta) -> bool:
        """Whether a heartbeat must be written: only if less than two thirds of `ttl` remain."""
        return remaining < self.ttl * 2 / 3


@dataclass(frozen=True, slots=True)
class Reach:
    """The sources, by id, and the tenants whose jobs the credentials of a worker allow; empty means all."""

    sources: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()

    def covers(self, requirement: Requirement, tenant: str) -> bool:
        """Whether they allow a job of a tenant with this requirement."""
        return tenant in (self.tenants or (tenant,)) and (not self.sources or requirement.sources <= self.sources)

    def limiting(self, can: Capabilities) -> Capabilities:
        """Return the part of a worker's capabilities that they allow."""
        return can.limited_to(self.sources, self.tenants)


EVERYWHERE = Reach()
"""The reach of credentials without limits."""


@dataclass(frozen=True, slots=True)
class Ability:
    """The capabilities of a worker that asks for exports, and of each other worker that would take work."""

    own: Capabilities = EVERYTHING
    others: tuple[Capabilities, ...] = ()

    def may_have(self, requirement: Requirement, tenant: str) -> bool:
        """Whether the worker may be given an export of a tenant with this requirement."""
        return self.own.meet(requirement, tenant)

    def others_could(self, requirement: Requirement, tenant: str) -> bool:
        """Whether another worker could build an export with this requirement.

        For a worker of all tenants only others of all tenants count.
        """
        of = tenant if self.own.tenants else ""
        return any(other.meet(requirement, of) for other in self.others)


UNLIMITED = Ability()
"""The ability of a worker that does not state its capabilities, when no other worker is known."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An export in PROCESSING, with the lease under which it is handed out and the specification of the job.

    `spec` is None if another version of exportd stored it and this version cannot read it. `sealed_password` is None if
    the export has none.
    """

    export: Export
    lease_id: str
    spec: JobSpec | None
    sealed_password: bytes | None = field(default=None, repr=False)

    @property
    def ref(self) -> LeaseRef:
        """The reference to the lease."""
        return LeaseRef(self.export.id, self.lease_id)


@dataclass(frozen=True, slots=True)
class Standing:
    """The verdict on a lease.

    With KEEP, `expire_time` is the deadline of the lease, `confirmed` is True after its first heartbeat, and `expired`
    is True if it ran out (the export is FAILED) but nobody else has leased the export. With CANCELLED and LOST these
    fields have no meaning. `export` is None only if there is no such export.
    """

    lease: LeaseRef
    verdict: Verdict
    confirmed: bool = False
    expired: bool = False
    expire_time: datetime | None = None
    export: Export | None = None
