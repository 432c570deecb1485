"""Jobs and their leases, as both ends of the queue see them."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from services.contract.outcome import Progress
from services.contract.spec import JobSpec


@dataclass(frozen=True, slots=True)
class LeaseRef:
    """The lease `lease_id` (128 random bits in hexadecimal) on the export `export_id`."""

    export_id: str
    lease_id: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job and its lease. `artifact_prefix` ends with a slash; nobody else writes below it.

    An empty `password` seals nothing.
    """

    lease: LeaseRef
    attempt: int
    max_attempts: int
    lease_ttl: timedelta
    heartbeat_interval: timedelta
    run_timeout: timedelta
    spec: JobSpec
    artifact_prefix: str
    store_id: str
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class WorkerProblem:
    """What a worker's own environment has problems with: the code that exports would fail with, and since when.

    `source_id` is the source that cannot be had; empty: the worker as a whole takes nothing.
    """

    code: str
    source_id: str
    age: timedelta


class Verdict(Enum):
    """What a lease is worth: go on, stop since the export was cancelled, stop since the lease is no longer in force."""

    KEEP = "KEEP"
    CANCELLED = "CANCELLED"
    LOST = "LOST"


@dataclass(frozen=True, slots=True)
class LeaseReport:
    """A lease that a worker holds, and how far its work has come (None before the first report)."""

    lease: LeaseRef
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class LeaseVerdict:
    """The api's word on one lease."""

    lease_id: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class HeartbeatAnswer:
    """`verdicts` in the order of the leases reported; `missing` are leases whose announcement was lost."""

    verdicts: tuple[LeaseVerdict, ...]
    missing: tuple[Job, ...]
    drain: bool
    next_heartbeat_in: timedelta


class Hint(Enum):
    """What a directive tells a worker. A lost hint costs time, never correctness."""

    CANCEL = "CANCEL"
    PROGRESS_WANTED = "PROGRESS_WANTED"
    DRAIN = "DRAIN"
    PING = "PING"


@dataclass(frozen=True, slots=True)
class Directive:
    """A hint; `lease_id` is set with CANCEL only."""

    hint: Hint
    lease_id: str = ""
