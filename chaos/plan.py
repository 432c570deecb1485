"""What happens in each round: who asks for what, what breaks, which leases are misused."""

from dataclasses import dataclass
from enum import Enum

from exportd_client import FormatName, PackagingName

TENANTS = ("ash", "birch", "cedar")
WORKERS = 2
ROUND_S = 1.0
"""When the last event of a round begins, at the latest."""


class CallerAction(Enum):
    """What a caller does with the export that it asked for."""

    DOWNLOAD = "watch it, then bring its files"
    CANCEL = "cancel it after a while"
    CANCEL_QUEUED = "cancel it only if no worker has it"
    DELETE = "watch it, then delete it"
    LEAVE = "never look at it again"
    ABANDON_WATCH = "watch it and go away in the middle, again and again"
    CUT_DOWNLOAD = "bring its files, going away in the middle, again and again"
    RETRY = "watch it fail for good, correct its source, have an operator retry it, bring its files"


RETRIED_ACTIONS = frozenset({CallerAction.DOWNLOAD, CallerAction.CUT_DOWNLOAD, CallerAction.RETRY})
"""Callers who ask an operator to retry an export that failed permanently."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One export as its caller sees it. `at` and `after_s` are seconds: into the round, and until `action` begins.

    `file_types` are the attachments to bundle. `callers` is how many ask for it at the same time with the same
    request_id. `lookup` looks it up in a list too. `callback` gives it a callback_url, `mail` a notify_email.
    `draw` decides what is left to decide, such as where a download is cut.
    """

    at: float
    tenant: str
    collection: str
    format: FormatName
    packaging: PackagingName
    file_types: tuple[str, ...]
    password: bool
    max_attempts: int
    priority: int
    callers: int
    action: CallerAction
    after_s: float
    lookup: bool
    callback: bool
    mail: bool
    draw: int

    @property
    def separate(self) -> bool:
        """Its attachments are a file of their own."""
        return self.packaging == "separate" and bool(self.file_types)


@dataclass(frozen=True, slots=True)
class PreviewQuestion:
    """A preview asked for `at` seconds into the round: the first `rows` rows of those from number `first` on.

    `descending`: of all of them the last ones, from the highest number down.
    """

    at: float
    tenant: str
    collection: str
    first: int
    rows: int
    descending: bool


class FaultKind(Enum):
    """What breaks."""

    KILL_API = "kill -9 of the api"
    KILL_WORKER = "kill -9 of a worker"
    KILL_CHILD = "kill -9 of a worker's child"
    STOP_API = "SIGSTOP of the api"
    STOP_WORKER = "SIGSTOP of a worker"
    STOP_CHILD = "SIGSTOP of a worker's child"
    TERMINATE_API = "SIGTERM of the api"
    TERMINATE_WORKER = "SIGTERM of a worker"
    CUT = "connections cut"
    CUT_MID_MESSAGE = "connections cut in the middle of a message"
    FREEZE = "connections frozen"
    FULL_FILES = "no room for files"
    FULL_DATABASE = "no room for the database"


KILLS = (FaultKind.KILL_API, FaultKind.KILL_WORKER, FaultKind.KILL_CHILD)


@dataclass(frozen=True, slots=True)
class Fault:
    """`at` seconds into the round; it lasts `seconds` (of a kill or SIGTERM: until the process is started again).

    `which` is the number of a worker, or of a proxy: 0 is that of the callers, 1 and up those of the workers. `draw`
    decides the rest: which child, after how many bytes.
    """

    at: float
    kind: FaultKind
    which: int
    seconds: float
    draw: int


class MisuseKind(Enum):
    """How a worker that behaves badly misuses a lease."""

    COMPLETE_LATE = "build, wait, complete"
    FAIL_LATE = "wait, fail"
    FORGET = "never confirm it, never speak of it again"
    COMPLETE_TWICE = "build and complete at once, and again later"
    BEAT_LATE = "wait, then heartbeat and complete"
    COMPLETE_REPLACED = "build, wait until another has the job, complete"
    FAIL_REPLACED = "wait until another has the job, fail"
    BEAT_REPLACED = "wait until another has the job, heartbeat and release"


@dataclass(frozen=True, slots=True)
class LeaseMisuse:
    """A lease taken `at` seconds into the round and misused in this way, `wait_s` seconds late where it waits."""

    at: float
    kind: MisuseKind
    wait_s: float


@dataclass(frozen=True, slots=True)
class Round:
    """Everything that is decided about one round, each part in order of `at`."""

    number: int
    scenarios: tuple[Scenario, ...]
    previews: tuple[PreviewQuestion, ...]
    faults: tuple[Fault, ...]
    misuses: tuple[LeaseMisuse, ...]
