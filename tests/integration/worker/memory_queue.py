"""The queue as a worker sees it, in memory: leases, verdicts and fences like the real one's."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from services.contract.capabilities import Capabilities, requirement_of
from services.contract.errors import ExportdError, JobCancelled, LeaseLost, StoreUnavailable
from services.contract.job import (
    Directive,
    HeartbeatAnswer,
    Hint,
    Job,
    LeaseRef,
    LeaseReport,
    LeaseVerdict,
    Verdict,
    WorkerProblem,
)
from services.contract.outcome import Built, Failure, Progress
from services.contract.preview import Preview, Previewed
from services.contract.spec import JobSpec
from services.contract.store import artifact_prefix
from tests.patience import PATIENCE_S

HEARTBEAT = timedelta(seconds=0.2)


@dataclass
class Entry:
    """One export: its spec and what became of it. `lease` empty: nobody holds it."""

    export_id: str
    spec: JobSpec
    run_timeout: timedelta
    state: str = "QUEUED"
    lease: str = ""
    attempt: int = 0
    confirmed: bool = False
    built: Built | None = None
    failures: list[Failure] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    leases: list[str] = field(default_factory=list)
    unchecked: bool = False


class MemoryQueue:
    """`down` makes every verb fail as when the api is away; `refuse_complete` and `refuse_lease`
    are raised by the next calls of these verbs.

    `mute` loses the answers to complete until the worker has heard that its lease is lost; with `deaf` the calls
    themselves are lost.

    `silent` loses the answers to heartbeats alone.

    `beat_every` is how often the worker is told to send heartbeats.
    """

    def __init__(self, store_id: str) -> None:
        self.store_id = store_id
        self.entries: dict[str, Entry] = {}
        self.down = False
        self.refuse_complete: ExportdError | None = None
        self.refuse_lease: ExportdError | None = None
        self.mute = False
        self.deaf = False
        self.silent = False
        self.drain = False
        self.beat_every = HEARTBEAT
        self.resend: list[Job] = []
        self.polls: list[str] = []
        self.told: list[Capabilities] = []
        self.problems: list[WorkerProblem] = []
        self.calls: list[str] = []
        self.draining_seen = False
        self.previews: asyncio.Queue[Preview] = asyncio.Queue()
        self.shown: dict[str, Previewed | Failure] = {}
        self._changed = asyncio.Condition()
        self._answers: dict[str, list[Job]] = {}
        self._hints: asyncio.Queue[Directive] = asyncio.Queue()
        self._sleepers: set[asyncio.Task[None]] = set()

    # ---- for tests

    def offer(self, spec: JobSpec, run_timeout_s: float = 60.0, *, unchecked: bool = False) -> Entry:
        """`unchecked`: as an api does that does not look at what a worker can do."""
        entry = Entry(f"export-{len(self.entries) + 1}", spec, timedelta(seconds=run_timeout_s), unchecked=unchecked)
        self.entries[entry.export_id] = entry
        self._tell()
        return entry

    def requeue(self, entry: Entry) -> None:
        """It is to be built again."""
        entry.state = "QUEUED"
        self._tell()

    def cancel(self, entry: Entry, *, hint: bool) -> None:
        if hint:
            self._hints.put_nowait(Directive(Hint.CANCEL, entry.lease))
        entry.state = "CANCELLED"
        self._tell()

    def hint(self, hint: Hint) -> None:
        self._hints.put_nowait(Directive(hint))

    def steal(self, entry: Entry) -> None:
        """As if the lease had expired and another worker had the export now."""
        entry.lease = "another"
        self._tell()

    async def without_heartbeats(self) -> None:
        """From now on the worker sends none by itself: only what wakes it brings one."""
        self.beat_every = timedelta(hours=1)
        beats = self.calls.count("heartbeat")
        await self.until(lambda: self.calls.count("heartbeat") > beats)  # the one that is told so

    async def until(self, condition: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(condition)

    # ---- the port

    async def lease(self, poll_id: str, max_jobs: int, wait_s: float, can: Capabilities) -> list[Job]:
        self._up("lease")
        self.told.append(can)
        if self.refuse_lease is not None:
            raise self.refuse_lease
        self.polls.append(poll_id)
        if poll_id not in self._answers:
            with suppress(TimeoutError):
                await self.until(lambda: bool(self._waiting(can)), wait_s)
            self._answers[poll_id] = [self._leased(e) for e in self._waiting(can)[:max_jobs]]
            self._tell()
        return self._answers[poll_id]

    async def heartbeat(
        self, held: list[LeaseReport], free_slots: int, *, draining: bool, problems: Sequence[WorkerProblem] = ()
    ) -> HeartbeatAnswer:
        self._up("heartbeat")
        if self.silent:
            raise StoreUnavailable
        self.problems = [*problems]
        self.draining_seen |= draining
        verdicts = tuple(LeaseVerdict(r.lease.lease_id, self._verdict(r)) for r in held)
        if any(verdict.verdict is Verdict.LOST for verdict in verdicts):
            self.mute = self.deaf = False
        missing, self.resend = tuple(self.resend), []
        self._tell()
        return HeartbeatAnswer(verdicts, missing, self.drain, self.beat_every)

    async def directives(self) -> AsyncIterator[Directive]:
        self._up("directives")
        while True:
            yield await self._hints.get()

    async def complete(self, lease: LeaseRef, built: Built) -> None:
        self._up("complete")
        if self.refuse_complete is not None:
            raise self.refuse_complete
        if self.deaf:
            raise StoreUnavailable
        entry = self._fenced(lease)
        entry.state, entry.built, entry.confirmed = "COMPLETED", built, True
        self._tell()
        if self.mute:
            raise StoreUnavailable

    async def fail(self, lease: LeaseRef, failure: Failure) -> None:
        self._up("fail")
        entry = self._fenced(lease)
        entry.state = "FAILED"
        entry.failures.append(failure)
        self._tell()

    async def release(self, leases: list[LeaseRef]) -> None:
        self._up("release")
        for lease in leases:
            entry = self.entries[lease.export_id]
            if entry.lease == lease.lease_id and entry.state == "PROCESSING":
                entry.state, entry.lease, entry.attempt = "RELEASED", "", entry.attempt - 1
        self._tell()

    async def take_preview(self, wait_s: float) -> Preview | None:
        with suppress(TimeoutError):
            return await asyncio.wait_for(self.previews.get(), wait_s)
        return None

    async def finish_preview(self, preview_id: str, shown: Previewed | Failure) -> None:
        self.shown[preview_id] = shown
        self._tell()

    # ---- inside

    def _up(self, verb: str) -> None:
        self.calls.append(verb)
        if self.down:
            raise StoreUnavailable

    def _waiting(self, can: Capabilities) -> list[Entry]:
        queued = (e for e in self.entries.values() if e.state == "QUEUED")
        return [e for e in queued if e.unchecked or can.meet(requirement_of(e.spec))]

    def _leased(self, entry: Entry) -> Job:
        entry.state, entry.lease, entry.attempt = "PROCESSING", secrets.token_hex(16), entry.attempt + 1
        entry.confirmed = False
        entry.leases.append(entry.lease)
        return self.job(entry)

    def job(self, entry: Entry) -> Job:
        return Job(
            lease=LeaseRef(entry.export_id, entry.lease),
            attempt=entry.attempt,
            max_attempts=3,
            lease_ttl=timedelta(seconds=30),
            heartbeat_interval=HEARTBEAT,
            run_timeout=entry.run_timeout,
            spec=entry.spec,
            artifact_prefix=artifact_prefix(LeaseRef(entry.export_id, entry.lease)),
            store_id=self.store_id,
        )

    def _verdict(self, report: LeaseReport) -> Verdict:
        entry = self.entries[report.lease.export_id]
        if entry.state == "CANCELLED":
            return Verdict.CANCELLED
        if entry.lease != report.lease.lease_id or entry.state != "PROCESSING":
            return Verdict.LOST
        entry.confirmed = True
        if report.progress is not None:
            entry.progress.append(report.progress)
        return Verdict.KEEP

    def _fenced(self, lease: LeaseRef) -> Entry:
        entry = self.entries[lease.export_id]
        if entry.state == "CANCELLED":
            raise JobCancelled(lease.export_id)
        if entry.lease != lease.lease_id:
            raise LeaseLost(lease.export_id)
        return entry

    def _tell(self) -> None:
        async def tell() -> None:
            async with self._changed:
                self._changed.notify_all()

        task = asyncio.ensure_future(tell())
        self._sleepers.add(task)
        task.add_done_callback(self._sleepers.discard)
