"""Announcements inside one process: the truth is in the store, these say when to look at it."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from services.api.domain.export import Export
from services.api.domain.notifications import channels
from services.api.domain.states import LEASABLE
from services.api.ports.live import News
from services.contract.capabilities import EVERYTHING, Capabilities, Requirement
from services.contract.job import Directive, Hint
from services.contract.outcome import Progress


class LocalWatch:
    """A Watch."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._change = asyncio.Event()

    def wake(self, *, changed: bool) -> None:
        """Something is new: the durable export when `changed`, else only its progress."""
        if changed:
            self._change.set()
        self._news.set()

    async def wait(self, timeout_s: float) -> News:
        """Wait for any news, at most `timeout_s`."""
        if not await _set_within(self._news, timeout_s):
            return News.NONE
        changed = self._change.is_set()
        self._news.clear()
        self._change.clear()
        return News.CHANGE if changed else News.PROGRESS

    async def changes_within(self, timeout_s: float) -> bool:
        """Whether a change comes within a time; progress meanwhile is left to the next `wait`."""
        return await _set_within(self._change, timeout_s)


async def _set_within(event: asyncio.Event, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(max(0.0, timeout_s)):
            await event.wait()
    except TimeoutError:
        return False
    return True


class LocalPoll:
    """A Poll."""

    def __init__(self, worker_id: str, can: Capabilities) -> None:
        self.worker_id = worker_id
        self.can = can
        self.wanted: Requirement | None = None
        self._woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def woken(self) -> bool:
        """True once work was announced to it."""
        return self._woken.done()

    def wake(self, wanted: Requirement | None) -> None:
        """Tell it to look for work, of which this is known."""
        self.wanted = wanted
        self._woken.set_result(None)

    async def wait(self, timeout_s: float) -> None:
        """Wait to be woken, at most `timeout_s`."""
        await asyncio.wait([self._woken], timeout=timeout_s)


class LocalAnnouncements:
    """Announcements within one process. All may be lost without harm: waiters also look by themselves."""

    def __init__(self, *, capped: Callable[[], bool] = lambda: False) -> None:
        """`capped`: whether tenants have caps, so that the end of one export may let another begin."""
        self._capped = capped
        self._watches: defaultdict[str, set[LocalWatch]] = defaultdict(set)
        self._polls: deque[LocalPoll] = deque()
        self._directives: dict[object, asyncio.Queue[Directive]] = {}
        self._progress: dict[str, Progress] = {}
        self.draining = False
        self.notifications_due = asyncio.Event()
        """Set when a notification may be due; whoever sends them clears it."""

    def exported(self, export: Export) -> None:
        """An export has a new version."""
        self._progress.pop(export.id, None)
        for watch in self._watches.get(export.id, ()):
            watch.wake(changed=True)
        if export.state in LEASABLE:
            self.work(export.requirement, kept_from=export.given_back_by)
        elif export.done and self._capped():
            self.work()
        if export.done and channels(export):
            self.notification_due()

    def notification_due(self) -> None:
        """A notification is due."""
        self.notifications_due.set()

    def deleted(self, export_id: str) -> None:
        """An export is gone."""
        self.changed(export_id)

    def changed(self, export_id: str) -> None:
        """Another process may have changed an export."""
        for watch in self._watches.get(export_id, ()):
            watch.wake(changed=True)

    def progressed(self, export_id: str, progress: Progress) -> None:
        """A worker has reported how far it is."""
        if self._progress.get(export_id) != progress:
            self._progress[export_id] = progress
            for watch in self._watches.get(export_id, ()):
                watch.wake(changed=False)

    async def progress(self, export_ids: Sequence[str]) -> Mapping[str, Progress]:
        """The last report on each of these that is being built; those without one are left out."""
        return {export_id: self._progress[export_id] for export_id in export_ids if export_id in self._progress}

    async def watched(self, export_ids: Sequence[str]) -> frozenset[str]:
        """Those of these that somebody watches."""
        return frozenset(export_ids) & self._watches.keys()

    @property
    def watches(self) -> frozenset[str]:
        """Exports that somebody watches."""
        return frozenset(self._watches)

    @property
    def polls_waiting(self) -> int:
        """Polls that are in line for work."""
        return len(self._polls)

    @contextmanager
    def watch(self, export_id: str) -> Iterator[LocalWatch]:
        """Be woken at each change of an export."""
        watch = LocalWatch()
        self._watches[export_id].add(watch)
        try:
            yield watch
        finally:
            self._watches[export_id].discard(watch)
            if not self._watches[export_id]:
                del self._watches[export_id]

    def work(self, requirement: Requirement | None = None, *, kept_from: str = "") -> None:
        """An export became due: wake the first poll in line whose worker can build it.

        `kept_from` is a worker that gets it only where there is no other. Without a requirement it may be any export:
        wake the first poll of each kind of worker.
        """
        if requirement is None:
            for first in {poll.can: poll for poll in reversed(self._polls)}.values():
                self._wake(first)
            return
        able = [poll for poll in self._polls if poll.can.meet(requirement)]
        if able:
            self._wake(min(able, key=lambda poll: poll.worker_id == kept_from), requirement)

    def wake_polls(self) -> None:
        """Have every poll look again."""
        for poll in [*self._polls]:
            self._wake(poll)

    def _wake(self, poll: LocalPoll, requirement: Requirement | None = None) -> None:
        self._polls.remove(poll)
        poll.wake(requirement)

    @contextmanager
    def poll(self, worker_id: str = "", can: Capabilities = EVERYTHING) -> Iterator[LocalPoll]:
        """Stand in line for work that a worker can do.

        One that leaves woken without having looked must call `work` for the next in line.
        """
        poll = LocalPoll(worker_id, can)
        self._polls.append(poll)
        try:
            yield poll
        finally:
            if not poll.woken:
                self._polls.remove(poll)

    def direct(self, hint: Hint, lease_id: str = "") -> None:
        """Tell every worker that listens; one that does not hold the lease passes it over."""
        for queue in self._directives.values():
            if not queue.full():
                queue.put_nowait(Directive(hint, lease_id))

    @contextmanager
    def directives(self) -> Iterator[asyncio.Queue[Directive]]:
        """Hear hints; when they are not fetched some are lost, as they may be."""
        queue: asyncio.Queue[Directive] = asyncio.Queue(maxsize=1024)
        listener = object()
        self._directives[listener] = queue
        try:
            yield queue
        finally:
            del self._directives[listener]

    def drain(self) -> None:
        """Wake everybody: the process is stopping."""
        self.draining = True
        self.wake_polls()
        self.direct(Hint.PING)  # not DRAIN: the workers are to stay, for the next api
        for watches in self._watches.values():
            for watch in watches:
                watch.wake(changed=False)
