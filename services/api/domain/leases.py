"""Leases: how long they hold, and what a claim hands out."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.api.domain.export import Export
from services.contract.capabilities import EVERYTHING, Capabilities, Requirement
from services.contract.codes import FailureCode
from services.contract.job import LeaseRef, Verdict
from services.contract.spec import JobSpec

EXPIRED_CODE = FailureCode.LEASE_EXPIRED
EXPIRED_MESSAGE = "the worker stopped answering"
"""How an attempt failed whose lease expired."""


@dataclass(frozen=True, slots=True)
class LeasePolicy:
    """How long leases hold.

    `confirm_window` is the first deadline, until the worker's first heartbeat; then each holds for `ttl`, and none
    longer than start + `run_timeout` + `ttl`. From the `unconfirmed_limit`-th unconfirmed lease of an export on, such a
    lease costs its attempt; so does the `given_back_limit`-th failure of an export that workers are at fault for. For
    `avoidance` after such a failure an export is kept from the worker that had it while another could build it.
    """

    confirm_window: timedelta = timedelta(seconds=15)
    ttl: timedelta = timedelta(seconds=30)
    heartbeat_interval: timedelta = timedelta(seconds=10)
    run_timeout: timedelta = timedelta(hours=6)
    unconfirmed_limit: int = 10
    given_back_limit: int = 10
    avoidance: timedelta = timedelta(seconds=60)

    def renewal_due(self, remaining: timedelta) -> bool:
        """A heartbeat becomes a write only when less than two thirds of the ttl remain."""
        return remaining < self.ttl * 2 / 3


@dataclass(frozen=True, slots=True)
class Ability:
    """What a worker that asks for exports can do, and what each of the others can do that would take some."""

    own: Capabilities = EVERYTHING
    others: tuple[Capabilities, ...] = ()

    def may_have(self, requirement: Requirement) -> bool:
        """Whether it may be handed what has this requirement."""
        return self.own.meet(requirement)

    def others_could(self, requirement: Requirement) -> bool:
        """Whether another worker could build what has this requirement."""
        return any(other.meet(requirement) for other in self.others)


UNLIMITED = Ability()
"""Of a worker that does not say what it can do, and of whom no other is known."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An export in PROCESSING, with the lease under which it is handed out and what to build.

    `spec` is None when this version cannot read what is stored: another one wrote it. `sealed_password` is None when
    there is none.
    """

    export: Export
    lease_id: str
    spec: JobSpec | None
    sealed_password: bytes | None = field(default=None, repr=False)

    @property
    def ref(self) -> LeaseRef:
        """The lease by name."""
        return LeaseRef(self.export.id, self.lease_id)


@dataclass(frozen=True, slots=True)
class Standing:
    """The verdict on a lease.

    With KEEP, `expire_time` is its deadline, `confirmed` says whether a heartbeat came yet, and `expired` that it ran
    out (the export is FAILED) and nobody else took it. With CANCELLED and LOST they mean nothing. `export` is None only
    when there is no such export.
    """

    lease: LeaseRef
    verdict: Verdict
    confirmed: bool = False
    expired: bool = False
    expire_time: datetime | None = None
    export: Export | None = None
