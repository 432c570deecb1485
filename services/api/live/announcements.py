"""Announcements inside one process. The store holds the truth; an announcement says when to look at it."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from services.api.domain.events import has_events
from services.api.domain.export import Export
from services.api.domain.notifications import channels
from services.api.domain.states import LEASABLE
from services.api.ports.live import News
from services.contract.capabilities import EVERYTHING, Capabilities, Requirement
from services.contract.job import Directive, Hint
from services.contract.outcome import Progress


class LocalWatch:
    """A Watch of this process."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._change = asyncio.Event()
        self._announced: Export | None = None
        self._is_known = True

    def wake(self, *, changed: bool, export: Export | None = None) -> None:
        """Wake the watcher: the stored export has changed if `changed`, otherwise only its progress.

        `export` is what it has become, if that is known.
        """
        if changed:
            self._is_known &= export is not None
            if export and not (self._announced and self._announced.version > export.version):
                self._announced = export
            self._change.set()
        self._news.set()

    def announced(self) -> Export | None:
        """Return what the changes since the last call have made of the export; None if the store must be asked."""
        announced = self._announced if self._is_known else None
        self._announced, self._is_known = None, True
        return announced

    async def wait(self, timeout_s: float) -> News:
        """Wait for any news, at most `timeout_s` seconds. Return NONE on a timeout."""
        if not await _set_within(self._news, timeout_s):
            return News.NONE
        changed = self._change.is_set()
        self._news.clear()
        self._change.clear()
        return News.CHANGE if changed else News.PROGRESS

    async def changes_within(self, timeout_s: float) -> bool:
        """Whether the export changes within `timeout_s` seconds.

        Progress reported meanwhile is left to the next `wait`.
        """
        return await _set_within(self._change, timeout_s)


async def _set_within(event: asyncio.Event, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(max(0.0, timeout_s)):
            await event.wait()
    except TimeoutError:
        return False
    return True


class LocalPoll:
    """A Poll of this process."""

    def __init__(self, worker_id: str, can: Capabilities) -> None:
        self.worker_id = worker_id
        self.can = can
        self.wanted: Requirement | None = None
        self.tenant = ""
        self._woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def woken(self) -> bool:
        """Whether work has been announced to this poll."""
        return self._woken.done()

    def wake(self, wanted: Requirement | None, tenant: str = "") -> None:
        """Wake the poll. `wanted` is what the announced work requires, for `tenant`; None if it may be any work."""
        self.wanted = wanted
        self.tenant = tenant
        self._woken.set_result(None)

    async def wait(self, timeout_s: float) -> None:
        """Wait to be woken, at most `timeout_s` seconds."""
        await asyncio.wait([self._woken], timeout=timeout_s)


class LocalAnnouncements:
    """Announcements within one process. All of them may be lost without harm, since waiters also look by themselves."""

    def __init__(self, *, capped: Callable[[], bool] = lambda: False) -> None:
        """`capped` tells whether tenants have caps, in which case the end of one export may let another begin."""
        self._capped = capped
        self._watches: defaultdict[str, set[LocalWatch]] = defaultdict(set)
        self._polls: deque[LocalPoll] = deque()
        self._directives: dict[object, asyncio.Queue[Directive]] = {}
        self._progress: dict[str, Progress] = {}
        self.draining = False
        self.notifications_due = asyncio.Event()
        """Set when a notification may be due. The task that sends notifications clears it."""

    def exported(self, export: Export) -> None:
        """Announce that an export has a new version."""
        self._progress.pop(export.id, None)
        self._wake_watches(export.id, changed=True, export=export)
        if export.state in LEASABLE:
            self.work(export.requirement, tenant=export.tenant, kept_from=export.given_back_by)
        elif export.done and self._capped():
            self.work()
        if channels(export) and (export.done or has_events(export)):
            self.notification_due()

    def notification_due(self) -> None:
        """Announce that a notification is due."""
        self.notifications_due.set()

    def deleted(self, export_id: str) -> None:
        """Announce that an export was deleted."""
        self._wake_watches(export_id, changed=True)

    def _wake_watches(self, export_id: str, *, changed: bool, export: Export | None = None) -> None:
        for watch in self._watches.get(export_id, ()):
            watch.wake(changed=changed, export=export)

    def progressed(self, export_id: str, progress: Progress) -> None:
        """Announce the progress that a worker reported on an export."""
        if self._progress.get(export_id) != progress:
            self._progress[export_id] = progress
            self._wake_watches(export_id, changed=False)

    async def progress(self, export_ids: Sequence[str]) -> Mapping[str, Progress]:
        """Return the last reported progress of each of these exports that is being built.

        Exports without a report are left out.
        """
        return {export_id: self._progress[export_id] for export_id in export_ids if export_id in self._progress}

    async def watched(self, export_ids: Sequence[str]) -> frozenset[str]:
        """Return those of these exports that have a watcher."""
        return frozenset(export_ids) & self._watches.keys()

    @property
    def polls_waiting(self) -> int:
        """The number of polls of this process that wait for work."""
        return len(self._polls)

    @contextmanager
    def watch(self, export_id: str) -> Iterator[LocalWatch]:
        """Return a context in which each change of an export wakes the watcher."""
        watch = LocalWatch()
        self._watches[export_id].add(watch)
        try:
            yield watch
        finally:
            self._watches[export_id].discard(watch)
            if not self._watches[export_id]:
                del self._watches[export_id]

    def work(self, requirement: Requirement | None = None, *, tenant: str = "", kept_from: str = "") -> None:
        """Announce that an export of a tenant is due: wake the first waiting poll whose worker can build it.

        The worker `kept_from` is woken only if no other one can build the export. Without a requirement the export may
        be any: the first poll of each distinct set of capabilities is woken.
        """
        self._wake_first(requirement, tenant, kept_from)

    def _wake_first(self, requirement: Requirement | None, tenant: str, kept_from: str) -> bool:
        """Wake the first suitable poll, and return whether one other than that of `kept_from` was woken."""
        if requirement is None:
            return self._wake_each_kind()
        able = [poll for poll in self._polls if poll.can.meet(requirement, tenant)]
        if not able:
            return False
        first = min(able, key=lambda poll: poll.worker_id == kept_from)
        self._wake(first, requirement, tenant)
        return first.worker_id != kept_from or not kept_from

    def _wake_each_kind(self) -> bool:
        firsts = {poll.can: poll for poll in reversed(self._polls)}.values()
        for first in firsts:
            self._wake(first)
        return bool(firsts)

    def wake_polls(self) -> None:
        """Wake every waiting poll, so that it looks for work again."""
        self._wake_all()

    def _wake_all(self) -> None:
        for poll in [*self._polls]:
            self._wake(poll)

    def _wake(self, poll: LocalPoll, requirement: Requirement | None = None, tenant: str = "") -> None:
        self._polls.remove(poll)
        poll.wake(requirement, tenant)

    @contextmanager
    def poll(self, worker_id: str = "", can: Capabilities = EVERYTHING) -> Iterator[LocalPoll]:
        """Return a context in which a poll waits for work that its worker can do.

        A poll that leaves after it was woken, but without having looked for work, must call `work` to wake the next
        one.
        """
        poll = LocalPoll(worker_id, can)
        self._polls.append(poll)
        try:
            yield poll
        finally:
            if not poll.woken:
                self._polls.remove(poll)

    def direct(self, hint: Hint, lease_id: str = "") -> None:
        """Send a hint to every worker that listens. A worker that does not hold the lease ignores it."""
        self._tell_workers(Directive(hint, lease_id))

    def _tell_workers(self, directive: Directive) -> None:
        for queue in self._directives.values():
            if not queue.full():
                queue.put_nowait(directive)

    @contextmanager
    def directives(self) -> Iterator[asyncio.Queue[Directive]]:
        """Return a context with a queue of hints. Hints that do not fit into the queue are dropped."""
        queue: asyncio.Queue[Directive] = asyncio.Queue(maxsize=1024)
        listener = object()
        self._directives[listener] = queue
        try:
            yield queue
        finally:
            del self._directives[listener]

    def drain(self) -> None:
        """Wake everything that waits in this process, because the process is stopping."""
        self.draining = True
        self._wake_all()
        self._tell_workers(Directive(Hint.PING))  # not DRAIN: the workers stay for the next api
        for watches in self._watches.values():
            for watch in watches:
                watch.wake(changed=False)
