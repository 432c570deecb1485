"""Jobs and their leases, for both ends of the queue."""

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
    """A job and its lease. `artifact_prefix` ends with a slash; only this lease writes below it.

    An empty `password` means that nothing is encrypted. `trace` is the W3C `traceparent` of the export; empty: none.
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
    trace: str = ""


@dataclass(frozen=True, slots=True)
class WorkerProblem:
    """A problem of a worker's own environment: the code that exports would fail with, and its age.

    `source_id` is the source that the worker cannot use. It is empty if the worker takes no work at all.
    """

    code: str
    source_id: str
    age: timedelta


class Verdict(Enum):
    """The state of a lease.

    KEEP: continue. CANCELLED: stop, because the export was cancelled. LOST: stop, because the lease is no longer in
    force.
    """

    KEEP = "KEEP"
    CANCELLED = "CANCELLED"
    LOST = "LOST"


@dataclass(frozen=True, slots=True)
class LeaseReport:
    """A lease that a worker holds, and the progress of its work (None before the first report)."""

    lease: LeaseRef
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class LeaseVerdict:
    """The api's verdict on one lease."""

    lease_id: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class HeartbeatAnswer:
    """The answer to a heartbeat.

    `verdicts` are in the order of the reported leases. `missing` are leases that the worker did not report, because it
    never received them.
    """

    verdicts: tuple[LeaseVerdict, ...]
    missing: tuple[Job, ...]
    drain: bool
    next_heartbeat_in: timedelta


class Hint(Enum):
    """What a directive tells a worker. A lost hint costs time, but never correctness."""

    CANCEL = "CANCEL"
    PROGRESS_WANTED = "PROGRESS_WANTED"
    DRAIN = "DRAIN"
    PING = "PING"


@dataclass(frozen=True, slots=True)
class Directive:
    """A hint. `lease_id` is set only with CANCEL."""

    hint: Hint
    lease_id: str = ""
