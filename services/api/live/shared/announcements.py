"""Announcements among all processes on one database."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from services.api.domain.export import Export
from services.api.live.announcements import LocalAnnouncements, LocalWatch
from services.api.live.shared.messages import Kind, Message
from services.api.live.shared.outgoing import Outgoing
from services.api.live.shared.reports import Reports
from services.api.live.shared.watches import Watches
from services.contract.capabilities import Requirement, requirement_in
from services.contract.job import Directive, Hint
from services.contract.outcome import Progress


class SharedAnnouncements(LocalAnnouncements):
    """Announces within this process at once, and to the others by hints.

    Work for which a poll waits in this process is not announced to the others.
    """

    def __init__(
        self,
        outgoing: Outgoing,
        reports: Reports,
        watches: Callable[[Callable[[], Sequence[str]]], Watches],
        *,
        capped: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(capped=capped)
        self._outgoing = outgoing
        self._reports = reports
        self.told_watches = watches(self.watched_here)
        self._watched_elsewhere: set[str] = set()

    def watched_here(self) -> Sequence[str]:
        """Return the ids of the exports that are watched in this process."""
        return sorted(self._watches)

    # ---- announcing

    def exported(self, export: Export) -> None:
        super().exported(export)
        self._reports.forget(export.id)
        if export.done:
            self._watched_elsewhere.discard(export.id)
        self._outgoing.tell(Kind.CHANGED, export.id)

    def deleted(self, export_id: str) -> None:
        super().deleted(export_id)
        self._outgoing.tell(Kind.CHANGED, export_id)

    def progressed(self, export_id: str, progress: Progress) -> None:
        super().progressed(export_id, progress)
        self._reports.take(export_id, progress, lambda: self._reported(export_id))

    def _reported(self, export_id: str) -> None:
        """Tell the others, if somebody watches there."""
        if export_id in self._watched_elsewhere:
            self._outgoing.tell(Kind.REPORTED, export_id)

    def work(self, requirement: Requirement | None = None, *, tenant: str = "", kept_from: str = "") -> None:
        if self._wake_first(requirement, tenant, kept_from):
            return
        if requirement is None:
            self._outgoing.tell(Kind.ANY_WORK)
        else:
            self._outgoing.tell(Kind.WORK, requirement.text, tenant, kept_from)

    def wake_polls(self) -> None:
        super().wake_polls()
        self._outgoing.tell(Kind.POLLS)

    def direct(self, hint: Hint, lease_id: str = "") -> None:
        super().direct(hint, lease_id)
        self.told_watches.tell()  # before the hint, since the answer to the worker's heartbeat depends on it
        self._outgoing.tell(Kind.DIRECTIVE, hint.value, lease_id)

    @contextmanager
    def watch(self, export_id: str) -> Iterator[LocalWatch]:
        try:
            with super().watch(export_id) as watch:
                self.told_watches.changed()
                yield watch
        finally:
            self.told_watches.changed()

    # ---- asking

    async def progress(self, export_ids: Sequence[str]) -> Mapping[str, Progress]:
        return await self._reports.of(export_ids)

    async def watched(self, export_ids: Sequence[str]) -> frozenset[str]:
        if not export_ids:
            return frozenset()
        watched = await self.told_watches.elsewhere(export_ids)
        self._watched_elsewhere.difference_update(export_ids)
        self._watched_elsewhere.update(watched)
        return await super().watched(export_ids) | watched

    # ---- what other processes announce

    def heard(self, message: Message) -> None:
        """Pass on the hints of another process. Raises ValueError if they make no sense."""
        items = message.items
        for (export_id,) in items.get(Kind.CHANGED, ()):
            self.changed(export_id)
        for (export_id,) in items.get(Kind.REPORTED, ()):
            self.reported(export_id)
        for needs, tenant, kept_from in items.get(Kind.WORK, ()):
            self._wake_first(requirement_in(needs), tenant, kept_from)
        for hint, lease_id in items.get(Kind.DIRECTIVE, ()):
            self._tell_workers(Directive(Hint(hint), lease_id))
        if items.get(Kind.ANY_WORK):
            self.look()
        if items.get(Kind.POLLS):
            self._wake_all()

    def changed(self, export_id: str) -> None:
        """Wake the watchers of an export that another process may have changed."""
        self._reports.forget(export_id)
        self._progress.pop(export_id, None)
        self._wake_watches(export_id, changed=True)

    def reported(self, export_id: str) -> None:
        """Wake the watchers of an export on which a worker has reported to another process."""
        self._wake_watches(export_id, changed=False)

    def look(self) -> None:
        """Wake the first poll of each distinct set of capabilities."""
        self._wake_each_kind()

    def look_at_everything(self) -> None:
        """Wake everything that waits in this process, because hints may have been lost."""
        for export_id in self.watched_here():
            self.changed(export_id)
        self.look()
        self._tell_workers(Directive(Hint.PROGRESS_WANTED))  # the answer to a heartbeat has what a lost hint said
