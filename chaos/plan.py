"""The plan of each round: which requests are made, what breaks, and which leases are misused."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from exportd_client import FormatName, PackagingName

TENANTS = ("ash", "birch", "cedar")
ROUND_S = 1.0
"""The last event of a round begins within this time."""


class CallerAction(Enum):
    """What a caller does with its export."""

    DOWNLOAD = "watch it, then bring its files"
    CANCEL = "cancel it after a while"
    CANCEL_QUEUED = "cancel it only if no worker has it"
    DELETE = "watch it, then delete it"
    LEAVE = "never look at it again"
    ABANDON_WATCH = "watch it and go away in the middle, again and again"
    CUT_DOWNLOAD = "bring its files, going away in the middle, again and again"
    RETRY = "watch it fail for good, correct its source, have an operator retry it, bring its files"


RETRIED_ACTIONS = frozenset({CallerAction.DOWNLOAD, CallerAction.CUT_DOWNLOAD, CallerAction.RETRY})
"""The actions after which an operator retries an export that failed permanently."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One export as its caller sees it.

    `at` is in seconds from the start of the round, `after_s` in seconds until `action`.

    `file_types` are the attachments to bundle. `callers` is how many callers create it at the same time with the same
    request_id. With `lookup` it is also looked up in a list. With `callback` it has a callback_url, with `mail` a
    notify_email. `draw` is the seed of all other choices, such as where a download is cut.
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
        """Whether the attachments are a separate file."""
        return self.packaging == "separate" and bool(self.file_types)


@dataclass(frozen=True, slots=True)
class PreviewQuestion:
    """A preview requested `at` seconds after the start of the round.

    It asks for the first `rows` rows with numbers from `first` on. With `descending` the rows are in descending order,
    from the highest number down.
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
    KILL_DATABASE = "kill -9 of PostgreSQL"
    KILL_STORE = "kill -9 of the object store"
    END_SESSIONS = "sessions of PostgreSQL ended"


KILLS = (
    FaultKind.KILL_API,
    FaultKind.KILL_WORKER,
    FaultKind.KILL_CHILD,
    FaultKind.KILL_DATABASE,
    FaultKind.KILL_STORE,
)


@dataclass(frozen=True, slots=True)
class Layout:
    """How many there are of what can break, and which faults, each with its weight; each round has one of `kills`."""

    apis: int
    workers: int
    proxies: int
    kills: Mapping[FaultKind, int]
    others: Mapping[FaultKind, int]


LOCAL = Layout(
    apis=1,
    workers=2,
    proxies=3,
    kills={FaultKind.KILL_API: 3, FaultKind.KILL_WORKER: 5, FaultKind.KILL_CHILD: 2},
    others={
        FaultKind.STOP_API: 2,
        FaultKind.STOP_WORKER: 3,
        FaultKind.STOP_CHILD: 1,
        FaultKind.TERMINATE_API: 1,
        FaultKind.TERMINATE_WORKER: 1,
        FaultKind.CUT: 3,
        FaultKind.CUT_MID_MESSAGE: 4,
        FaultKind.FREEZE: 2,
        FaultKind.FULL_FILES: 1,
        FaultKind.FULL_DATABASE: 1,
    },
)
"""One machine: SQLite and a folder. Proxy 0 is that of the callers, the others are those of the workers."""

SHARED = Layout(
    apis=2,
    workers=3,
    proxies=8,
    kills={
        FaultKind.KILL_API: 3,
        FaultKind.KILL_WORKER: 4,
        FaultKind.KILL_CHILD: 2,
        FaultKind.KILL_DATABASE: 2,
        FaultKind.KILL_STORE: 2,
    },
    others={
        FaultKind.STOP_API: 2,
        FaultKind.STOP_WORKER: 2,
        FaultKind.STOP_CHILD: 1,
        FaultKind.TERMINATE_API: 1,
        FaultKind.TERMINATE_WORKER: 1,
        FaultKind.CUT: 4,
        FaultKind.CUT_MID_MESSAGE: 6,
        FaultKind.FREEZE: 3,
        FaultKind.END_SESSIONS: 3,
    },
)
"""Several: PostgreSQL and an object store. Two proxies are the callers', one to each api, three are the workers', two
lead the apis to the database, and the last one leads everybody to the object store.
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that begins `at` seconds after the start of the round and lasts `seconds`.

    For a kill or SIGTERM `seconds` is the time until the process is started again. `which` is the number of an api, a
    worker or a proxy. `draw` is the seed of all other choices: which child, after how many bytes.
    """

    at: float
    kind: FaultKind
    which: int
    seconds: float
    draw: int


class MisuseKind(Enum):
    """How the misbehaving worker misuses a lease."""

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
    """A lease that is taken `at` seconds after the start of the round and misused.

    `wait_s` is how long it waits, if it does.
    """

    at: float
    kind: MisuseKind
    wait_s: float


@dataclass(frozen=True, slots=True)
class Round:
    """The plan of one round. Each part is in the order of `at`."""

    number: int
    scenarios: tuple[Scenario, ...]
    previews: tuple[PreviewQuestion, ...]
    faults: tuple[Fault, ...]
    misuses: tuple[LeaseMisuse, ...]
