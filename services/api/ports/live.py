"""What api processes tell each other, and what they know about workers.

Nothing here decides: the truth is in the store. What is announced may be lost, which costs a delay.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Protocol, TypeVar

from services.api.domain.export import Export
from services.contract.capabilities import EVERYTHING, Capabilities, Requirement
from services.contract.job import Directive, Hint, WorkerProblem
from services.contract.outcome import Failure, Progress
from services.contract.preview import Preview, Previewed
from services.contract.spec import JobSpec

T = TypeVar("T")


class News(Enum):
    """What a watcher wakes up to."""

    CHANGE = "the export has a new version"
    PROGRESS = "its worker has reported"
    NONE = "nothing was announced: announcements may be lost, so look"


class Watch(Protocol):
    """One watcher of one export. Announcements that come while it is busy become one."""

    async def wait(self, timeout_s: float) -> News:
        """Wait for any news, at most `timeout_s`."""
        ...

    async def changes_within(self, timeout_s: float) -> bool:
        """Whether a change comes within a time; progress meanwhile is left to the next `wait`."""
        ...


class Poll(Protocol):
    """One worker's open poll, in line for work."""

    @property
    def woken(self) -> bool:
        """True once work was announced to it."""
        ...

    @property
    def wanted(self) -> Requirement | None:
        """What that work needs; None: it may be any, or nothing was announced."""
        ...

    async def wait(self, timeout_s: float) -> None:
        """Wait to be woken, at most `timeout_s`."""
        ...


class Announcements(Protocol):
    """Who waits for what, and who is told when to look. Telling never blocks, and may be lost."""

    notifications_due: asyncio.Event
    """Set when a notification may be due; whoever sends them clears it."""

    @property
    def draining(self) -> bool:
        """True once this process is stopping."""
        ...

    @property
    def watches(self) -> frozenset[str]:
        """Ids of exports that somebody watches in this process."""
        ...

    @property
    def polls_waiting(self) -> int:
        """Polls of this process that are in line for work."""
        ...

    # ---- telling

    def exported(self, export: Export) -> None:
        """An export has a new version."""
        ...

    def deleted(self, export_id: str) -> None:
        """An export is gone."""
        ...

    def changed(self, export_id: str) -> None:
        """Another process may have changed an export."""
        ...

    def progressed(self, export_id: str, progress: Progress) -> None:
        """A worker has reported how far it is."""
        ...

    def notification_due(self) -> None:
        """A notification is due."""
        ...

    def work(self, requirement: Requirement | None = None, *, kept_from: str = "") -> None:
        """An export became due: wake the first poll in line whose worker can build it.

        `kept_from` is a worker that gets it only where there is no other. Without a requirement it may be any export:
        wake the first poll of each kind of worker.
        """
        ...

    def wake_polls(self) -> None:
        """Have every poll look again."""
        ...

    def direct(self, hint: Hint, lease_id: str = "") -> None:
        """Tell every worker that listens; one that does not hold the lease passes it over."""
        ...

    def drain(self) -> None:
        """Wake everybody who waits in this process: it is stopping."""
        ...

    # ---- hearing

    def watch(self, export_id: str) -> AbstractContextManager[Watch]:
        """Be woken at each change of an export."""
        ...

    def poll(self, worker_id: str = "", can: Capabilities = EVERYTHING) -> AbstractContextManager[Poll]:
        """Stand in line for work that a worker can do.

        One that leaves woken without having looked must call `work` for the next in line.
        """
        ...

    def directives(self) -> AbstractContextManager[asyncio.Queue[Directive]]:
        """Hear hints; when they are not fetched some are lost, as they may be."""
        ...

    # ---- asking

    async def progress(self, export_ids: Sequence[str]) -> Mapping[str, Progress]:
        """The last report on each of these that is being built; those without one are left out."""
        ...

    async def watched(self, export_ids: Sequence[str]) -> frozenset[str]:
        """Those of these that somebody watches."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A worker as it was last seen. `beat`: its last heartbeat, None before the first one.

    `asked_to_drain`: an operator wants it to stop. `can` is what it could do when it asked last; `store_matches` False:
    it sees another artifact store than this api. `problems` are those of its own environment.
    """

    id: str
    seen: datetime
    beat: datetime | None = None
    held: int = 0
    free_slots: int = 0
    draining: bool = False
    asked_to_drain: bool = False
    can: Capabilities = EVERYTHING
    store_matches: bool = True
    problems: tuple[WorkerProblem, ...] = ()

    @property
    def stays(self) -> bool:
        """It is not about to end."""
        return not (self.draining or self.asked_to_drain)

    @property
    def healthy(self) -> bool:
        """It may take work, though perhaps not of every source."""
        return self.store_matches and all(problem.source_id for problem in self.problems)


class Workers(Protocol):
    """Which workers are there: seen recently, and whether they drain."""

    async def polled(self, worker_id: str, can: Capabilities = EVERYTHING) -> None:
        """A worker asked for work that it can do."""
        ...

    async def beat(
        self, worker_id: str, *, held: int, free_slots: int, draining: bool, problems: tuple[WorkerProblem, ...] = ()
    ) -> WorkerSeen:
        """A worker reported; returns what is known of it now. Once it drains, it drains."""
        ...

    async def ask_to_drain(self, worker_id: str) -> WorkerSeen | None:
        """Ask the worker to stop; None if there is no such worker."""
        ...

    async def takes_work(self, worker_id: str, within: timedelta) -> bool:
        """False for a worker that drains or is unhealthy, and for one that sends heartbeats and was not heard of for so
        long: its poll may be open though nobody is there to read the answer.
        """
        ...

    async def present(self) -> list[WorkerSeen]:
        """Those seen recently, by id."""
        ...

    async def anybody(self) -> bool:
        """True when some worker is there to stay, healthy or not."""
        ...

    async def able(self, but: str = "") -> tuple[Capabilities, ...]:
        """What each worker can do that would take work, but for one."""
        ...

    async def ability(self, worker_id: str) -> Capabilities:
        """What a worker can do; of one that is not known: everything."""
        ...


class PreviewDesk(Protocol):
    """Callers who want to see rows, and workers that are free to read them."""

    @property
    def waiting(self) -> int:
        """Previews of this process's callers that no worker has taken."""
        ...

    async def show(self, spec: JobSpec, rows: int) -> Previewed:
        """The first rows of `spec`. Raises NoWorker, PreviewFailed."""
        ...

    async def take(self, wait_s: float, can: Capabilities = EVERYTHING) -> Preview | None:
        """The next preview that a worker that is free can answer; None after `wait_s`. Raises ShuttingDown."""
        ...

    async def finish(self, preview_id: str, answer: Previewed | Failure) -> None:
        """A worker's answer; ignored if the caller no longer waits for it."""
        ...

    def drain(self) -> None:
        """End every wait in this process: it is stopping."""
        ...


class DetachedTasks(Protocol):
    """Steps that belong together: they run to their end even if the caller leaves in the middle."""

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`; when the caller is cancelled, the work goes on without it."""
        ...

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin the work; whoever awaits the task shields it."""
        ...

    async def settled(self) -> None:
        """Wait until no work is under way."""
        ...
