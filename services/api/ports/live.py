"""What api processes announce to each other, and what they know about workers.

Nothing here decides anything: the store holds the truth. An announcement may be lost, which costs only a delay.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Protocol, TypeVar

from services.api.domain.audit import NOBODY, Origin
from services.api.domain.export import Export
from services.contract.capabilities import EVERYTHING, Capabilities, Requirement
from services.contract.job import Directive, Hint, WorkerProblem
from services.contract.outcome import Failure, Progress
from services.contract.preview import Preview, Previewed
from services.contract.spec import JobSpec

T = TypeVar("T")


class News(Enum):
    """Why a watcher was woken."""

    CHANGE = "the export has a new version"
    PROGRESS = "its worker has reported"
    NONE = "nothing was announced: announcements may be lost, so look"


class Watch(Protocol):
    """One watcher of one export. Announcements that arrive while it is busy are merged into one."""

    async def wait(self, timeout_s: float) -> News:
        """Wait for any news, at most `timeout_s` seconds. Return NONE on a timeout."""
        ...

    async def changes_within(self, timeout_s: float) -> bool:
        """Whether the export changes within `timeout_s` seconds.

        Progress reported meanwhile is left to the next `wait`.
        """
        ...

    def announced(self) -> Export | None:
        """Return what the changes since the last call have made of the export; None if the store must be asked.

        It is not older than the last of these changes. It has no changes that are not announced, such as those of other
        processes whose hint is under way.
        """
        ...


class Poll(Protocol):
    """The open poll of one worker that waits for work."""

    @property
    def woken(self) -> bool:
        """Whether work has been announced to this poll."""
        ...

    @property
    def wanted(self) -> Requirement | None:
        """What the announced work requires of a worker; None if it may be any work, or if nothing was announced."""
        ...

    @property
    def tenant(self) -> str:
        """The tenant of the announced work; empty if `wanted` is None."""
        ...

    async def wait(self, timeout_s: float) -> None:
        """Wait to be woken, at most `timeout_s` seconds."""
        ...


class Announcements(Protocol):
    """Delivers announcements to whoever waits for them. Announcing never blocks, and an announcement may be lost."""

    notifications_due: asyncio.Event
    """Set when a notification may be due. The task that sends notifications clears it."""

    @property
    def draining(self) -> bool:
        """Whether this process is stopping."""
        ...

    @property
    def polls_waiting(self) -> int:
        """The number of polls of this process that wait for work."""
        ...

    # ---- announcing

    def exported(self, export: Export) -> None:
        """Announce that an export has a new version."""
        ...

    def deleted(self, export_id: str) -> None:
        """Announce that an export was deleted."""
        ...

    def progressed(self, export_id: str, progress: Progress) -> None:
        """Announce the progress that a worker reported on an export."""
        ...

    def notification_due(self) -> None:
        """Announce that a notification is due."""
        ...

    def work(self, requirement: Requirement | None = None, *, tenant: str = "", kept_from: str = "") -> None:
        """Announce that an export of a tenant is due: wake the first waiting poll whose worker can build it.

        The worker `kept_from` is woken only if no other one can build the export. Without a requirement the export may
        be any: the first poll of each distinct set of capabilities is woken.
        """
        ...

    def wake_polls(self) -> None:
        """Wake every waiting poll, so that it looks for work again."""
        ...

    def direct(self, hint: Hint, lease_id: str = "") -> None:
        """Send a hint to every worker that listens. A worker that does not hold the lease ignores it."""
        ...

    def drain(self) -> None:
        """Wake everything that waits in this process, because the process is stopping."""
        ...

    # ---- waiting

    def watch(self, export_id: str) -> AbstractContextManager[Watch]:
        """Return a context in which each change of an export wakes the watcher."""
        ...

    def poll(self, worker_id: str = "", can: Capabilities = EVERYTHING) -> AbstractContextManager[Poll]:
        """Return a context in which a poll waits for work that its worker can do.

        A poll that leaves after it was woken, but without having looked for work, must call `work` to wake the next
        one.
        """
        ...

    def directives(self) -> AbstractContextManager[asyncio.Queue[Directive]]:
        """Return a context with a queue of hints. Hints that do not fit into the queue are dropped."""
        ...

    # ---- lookups

    async def progress(self, export_ids: Sequence[str]) -> Mapping[str, Progress]:
        """Return the last reported progress of each of these exports that is being built.

        Exports without a report are left out.
        """
        ...

    async def watched(self, export_ids: Sequence[str]) -> frozenset[str]:
        """Return those of these exports that have a watcher."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A worker as it was last seen.

    `beat` is the time of its last heartbeat; None before the first. `asked_to_drain` is set when an operator asked it
    to stop. `can` is what it was able to do when it last asked for work. `store_matches` is False if it uses another
    artifact store than this api. `problems` are those of the worker's own environment.
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
        """Whether the worker is not about to stop."""
        return not (self.draining or self.asked_to_drain)

    @property
    def healthy(self) -> bool:
        """Whether the worker may take work, though perhaps not from every source."""
        return self.store_matches and all(problem.source_id for problem in self.problems)


class Workers(Protocol):
    """The workers that were seen recently, and whether they drain."""

    async def polled(self, worker_id: str, can: Capabilities = EVERYTHING) -> None:
        """Record that a worker asked for work, and what it can do."""
        ...

    async def beat(
        self, worker_id: str, *, held: int, free_slots: int, draining: bool, problems: tuple[WorkerProblem, ...] = ()
    ) -> WorkerSeen:
        """Record a heartbeat.

        Return what is now known of the worker. A worker that has reported that it drains stays draining.
        """
        ...

    async def ask_to_drain(self, worker_id: str, *, by: Origin = NOBODY) -> WorkerSeen | None:
        """Ask a worker to stop, and enter it in the audit trail. Return None if there is no such worker."""
        ...

    async def takes_work(self, worker_id: str, within: timedelta) -> bool:
        """Whether a worker can be given work.

        False for a worker that drains or is unhealthy, and for one that sends heartbeats but was not heard of for
        longer than `within`: its poll may still be open although nobody is left to read the answer.
        """
        ...

    async def present(self) -> list[WorkerSeen]:
        """Return the workers that were seen recently, sorted by id."""
        ...

    async def anybody(self) -> bool:
        """Whether there is a worker that is not about to stop, healthy or not."""
        ...

    async def able(self, but: str = "") -> tuple[Capabilities, ...]:
        """Return the capabilities of each worker that may take work, except those of the worker `but`."""
        ...

    async def ability(self, worker_id: str) -> Capabilities:
        """Return the capabilities of a worker. A worker that is not known is assumed to be able to do everything."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """Who a worker is. Tokens that replace each other have the same `name`.

    `key_id` is the id of the token that was shown last; empty for a certificate, and where no token is needed.
    """

    name: str
    key_id: str = ""


Stands = Callable[[WorkerIdentity], Awaitable[bool]]
"""Whether the credentials of an identity are still valid."""


class WorkerIdentities(Protocol):
    """To whom the ids of workers belong."""

    async def take(self, worker_id: str, identity: WorkerIdentity, stands: Stands) -> bool:
        """Give the id to an identity, unless it belongs to another one that `stands`. Return whether it has it now.

        Raises StoreUnavailable.
        """
        ...


class PreviewDesk(Protocol):
    """Matches callers who want a preview with workers that are free to read the rows."""

    @property
    def waiting(self) -> int:
        """The number of previews of this process's callers that no worker has taken yet."""
        ...

    async def show(self, spec: JobSpec, rows: int, tenant: str = "") -> Previewed:
        """Return the first `rows` rows of `spec` for a tenant. Raises NoWorker, PreviewFailed."""
        ...

    async def take(self, wait_s: float, can: Capabilities = EVERYTHING) -> Preview | None:
        """Return the next preview that a free worker with these capabilities can answer.

        Return None after `wait_s` seconds. Raises ShuttingDown.
        """
        ...

    async def finish(self, preview_id: str, answer: Previewed | Failure) -> None:
        """Deliver a worker's answer to the caller. It is ignored if the caller no longer waits."""
        ...

    def drain(self) -> None:
        """End every wait in this process, because the process is stopping."""
        ...


class Duty(Enum):
    """Work that one process does for all. It would be wasteful if each did it."""

    EXPIRE = "expire"
    """Ending expired leases."""

    COUNT = "count"
    """Counting the queue for the gauges."""

    SWEEP = "sweep"
    """Deleting expired files and old rows."""


class Duties(Protocol):
    """Which process has which duty. Two may briefly believe that they have the same one, which must do no harm."""

    async def mine(self, duty: Duty, lasts: timedelta) -> bool:
        """Return whether the duty belongs to this process for the given time. It keeps a duty as long as it asks.

        Raises StoreUnavailable.
        """
        ...

    async def lay_down(self) -> None:
        """Leave all duties to other processes."""
        ...


class DetachedTasks(Protocol):
    """Runs steps that belong together to their end, even if the caller leaves in the middle."""

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` and return its result. If the caller is cancelled, the work continues."""
        ...

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start `work` in a task of its own. A caller that awaits the task must shield it from its own cancellation."""
        ...

    async def settled(self) -> None:
        """Wait until no work is running."""
        ...
