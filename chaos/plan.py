"""What happens in each round, drawn before it begins: from the seed and the number of the round, nothing else."""

import random
from dataclasses import dataclass
from enum import Enum

from exportd_client import FormatName, PackagingName

TENANTS = ("ash", "birch", "cedar")
WORKERS = 2
ROUND_S = 1.0
"""When the last event of a round begins, at the latest."""


class CallerAction(Enum):
    """What a caller does with the export that it asked for."""

    DOWNLOAD = "watch it, then bring its file"
    CANCEL = "cancel it after a while"
    CANCEL_QUEUED = "cancel it only if no worker has it"
    DELETE = "watch it, then delete it"
    LEAVE = "never look at it again"
    ABANDON_WATCH = "watch it and go away in the middle, again and again"
    CUT_DOWNLOAD = "bring its file, going away in the middle, again and again"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One export as its caller sees it. `at` and `after_s` are seconds: into the round, and until `action` begins.

    `callers` is how many ask for it at the same time with the same request_id. `listed` looks it up in a list too.
    `notified` gives it a callback_url. `draw` decides what is left to decide, such as where a download is cut.
    """

    at: float
    tenant: str
    collection: str
    format: FormatName
    packaging: PackagingName
    password: bool
    max_attempts: int
    priority: int
    callers: int
    action: CallerAction
    after_s: float
    listed: bool
    notified: bool
    draw: int


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
_KILL_WEIGHTS = (3, 5, 2)
_OTHERS = tuple(kind for kind in FaultKind if kind not in KILLS)
_OTHER_WEIGHTS = (2, 3, 1, 1, 1, 3, 4, 2, 1, 1)


@dataclass(frozen=True, slots=True)
class Fault:
    """`at` seconds into the round; it lasts `seconds` (of a kill or SIGTERM: until the process is started again).

    `which` is the number of a worker, or of a line: 0 is that of the callers, 1 and up those of the workers. `draw`
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
    faults: tuple[Fault, ...]
    misuses: tuple[LeaseMisuse, ...]


def round_of(seed: int, number: int) -> Round:
    """The plan of round `number` (from 0); at least one process is killed in each."""
    draw = random.Random(f"{seed}/{number}")
    scenarios = [_scenario(draw) for _ in range(draw.randint(4, 10))]
    faults = [_kill(draw), *(_other(draw) for _ in range(draw.choice((1, 1, 2, 3))))]
    misuses = [_lease_misuse(draw)] if draw.random() < 0.8 else []  # noqa: PLR2004 - four of five rounds
    return Round(
        number,
        tuple(sorted(scenarios, key=lambda scenario: scenario.at)),
        tuple(sorted(faults, key=lambda fault: fault.at)),
        tuple(misuses),
    )


def _scenario(draw: random.Random) -> Scenario:
    action = draw.choices(tuple(CallerAction), (6, 4, 1, 2, 2, 2, 3))[0]
    packaging: PackagingName = draw.choice(("auto", "auto", "zip"))
    return Scenario(
        at=round(draw.uniform(0, ROUND_S), 3),
        tenant=draw.choice(TENANTS),
        collection=draw.choices(("Few", "Some", "Many"), (4, 3, 3))[0],
        format=draw.choice(("csv", "jsonl", "json", "xlsx", "parquet")),
        packaging=packaging,
        password=draw.random() < 0.1,  # noqa: PLR2004 - one in ten
        max_attempts=draw.choice((10, 10, 10, 2, 1)),
        priority=draw.choice((0, 0, 0, 5, 9)),
        callers=draw.choice((1, 1, 1, 1, 5, 20)),
        action=action,
        after_s=round(draw.uniform(0, 1.5), 3),
        listed=draw.random() < 0.2,  # noqa: PLR2004 - one in five
        notified=draw.random() < 0.5,  # noqa: PLR2004 - every other one
        draw=draw.getrandbits(32),
    )


def _kill(draw: random.Random) -> Fault:
    return _fault(draw, draw.choices(KILLS, _KILL_WEIGHTS)[0])


def _other(draw: random.Random) -> Fault:
    return _fault(draw, draw.choices(_OTHERS, _OTHER_WEIGHTS)[0])


def _fault(draw: random.Random, kind: FaultKind) -> Fault:
    at, draw_more = round(draw.uniform(0, ROUND_S), 3), draw.getrandbits(32)
    return Fault(at, kind, _which(draw, kind), round(_seconds(draw, kind), 3), draw_more)


def _which(draw: random.Random, kind: FaultKind) -> int:
    lines = (FaultKind.CUT, FaultKind.CUT_MID_MESSAGE, FaultKind.FREEZE)
    return draw.randrange(WORKERS + 1) if kind in lines else draw.randrange(WORKERS)


def _seconds(draw: random.Random, kind: FaultKind) -> float:
    match kind:
        case FaultKind.STOP_WORKER | FaultKind.STOP_CHILD:
            return draw.choice((0.3, 1.0, 5.0)) * draw.uniform(0.8, 1.2)  # the last one outlasts two leases
        case FaultKind.STOP_API:
            return draw.choice((0.3, 1.0, 2.5)) * draw.uniform(0.8, 1.2)
        case FaultKind.FREEZE:
            return draw.choice((0.3, 3.0)) * draw.uniform(0.8, 1.2)
        case FaultKind.FULL_FILES | FaultKind.FULL_DATABASE:
            return draw.uniform(0.5, 2.0)
        case _:
            return draw.uniform(0, 0.5)


def _lease_misuse(draw: random.Random) -> LeaseMisuse:
    at, kind = round(draw.uniform(0, ROUND_S), 3), draw.choice(tuple(MisuseKind))
    return LeaseMisuse(at, kind, round(draw.choice((0.5, 3.0, 6.0)) * draw.uniform(0.8, 1.2), 3))
