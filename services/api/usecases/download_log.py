"""The entries of downloads in the audit trail, gathered so that many small downloads share a transaction."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime

from services.api.domain.audit import Action, AuditEntry, Origin, of_export
from services.api.ports.audit import AuditStore
from services.api.ports.clock import Clock
from services.api.usecases.downloads import Download
from services.api.usecases.origin import ORIGIN
from services.runtime import logs

WRITTEN_EACH_S = 1.0
"""How often entries are written. If the process is killed, what was begun or ended since then is not entered."""


@dataclass(slots=True, eq=False)
class Sending:
    """A download that is being sent. `sent` is how many bytes were handed to the connection."""

    id: str
    download: Download
    by: Origin
    began: datetime
    sent: int = 0
    is_entered: bool = False

    def started(self) -> AuditEntry:
        """Return the entry of its start."""
        return self._entry(Action.DOWNLOAD_STARTED, self.began, None)

    def ended(self, now: datetime, *, broken_off: bool) -> AuditEntry:
        """Return the entry of its end."""
        download = self.download
        is_whole = download.offset == 0 and download.end == download.file.artifact.size_bytes
        outcome = "broken off" if broken_off else "whole file" if is_whole else "part"
        return self._entry(Action.DOWNLOAD_ENDED, now, self.sent, outcome=outcome)

    def _entry(self, action: Action, time: datetime, sent: int | None, **details: str) -> AuditEntry:
        wanted = {
            "file_id": self.download.file.id,
            "first_byte": str(self.download.offset),
            "wanted_bytes": str(self.download.end - self.download.offset),
        }
        entry = of_export(action, self.download.export, self.by, time, sent=sent, **wanted, **details)
        return replace(entry, once=f"{self.id} {action.name}")


class DownloadLog:
    """Enters downloads: each when it ends, and one that lasts also soon after its start.

    What waits to be written is bounded by the number of downloads: while the store is away, none can begin.
    """

    def __init__(self, audit: AuditStore, clock: Clock, new_id: Callable[[], str]) -> None:
        """`new_id` returns a new id: by it the store knows an entry again that is written again."""
        self._audit = audit
        self._clock = clock
        self._new_id = new_id
        self._open: set[Sending] = set()
        self._ended: list[AuditEntry] = []

    @contextmanager
    def entered(self, download: Download) -> Iterator[Sending]:
        """Return a context in which a download is sent, to its end or not."""
        sending = Sending(self._new_id(), download, ORIGIN.get(), self._clock())
        self._open.add(sending)
        broken_off = True
        try:
            yield sending
            broken_off = False
        finally:
            self._open.discard(sending)
            self._ended.append(sending.ended(self._clock(), broken_off=broken_off))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Return a context in which entries are written. At its end the last ones are."""
        stopped = asyncio.Event()
        writing = asyncio.create_task(self._run(stopped))
        try:
            yield
        finally:
            stopped.set()  # a cancellation would leave a write behind that runs
            await writing
            await self.run_once()

    async def _run(self, stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(WRITTEN_EACH_S):  # gathers entries
                    await stopped.wait()
            await self.run_once()

    async def run_once(self) -> None:
        """Write the entries that have gathered. If that is not possible now, they are written later.

        The store may have them already: the answer of a commit can be lost.
        """
        begun, ended = [each for each in self._open if not each.is_entered], self._ended
        if not begun and not ended:
            return
        self._ended = []
        try:
            await self._audit.add([*(each.started() for each in begun), *ended])
        except Exception:  # noqa: BLE001 - the next turn tries again
            self._ended = [*ended, *self._ended]
            logs.get().warning("audit_delayed", entries=len(self._ended), exc_info=True)
        else:
            for each in begun:
                each.is_entered = True
