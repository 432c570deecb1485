"""A worker that misbehaves: it reports late, twice, or never. The test checks which of its reports are accepted."""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from chaos.calls import with_retries
from chaos.findings import Findings, Violation
from chaos.plan import LeaseMisuse, MisuseKind
from exportd_client import Export, ExportClient, NotFound, Transition, name_of
from services.contract.capabilities import EVERYTHING
from services.contract.codes import FailureCode
from services.contract.errors import ExportdError, Fenced, TryAgain
from services.contract.job import HeartbeatAnswer, Job, LeaseReport, Verdict
from services.contract.outcome import Built, Failure
from services.worker.artifacts.settings import ArtifactSettings
from services.worker.child import job as building
from services.worker.order import Order, Outcome
from services.worker.queue.grpc_queue import GrpcQueue, connected
from services.worker.sources.sources import Sources

Answer = TypeVar("Answer")

_TRIES = 20
_REPLACEMENT_TIMEOUT_S = 10.0
_CONFIRM_WINDOW_S = 0.9
"""Slightly less than the confirm window of the api."""

_REPLACED = frozenset({MisuseKind.COMPLETE_REPLACED, MisuseKind.FAIL_REPLACED, MisuseKind.BEAT_REPLACED})
_BUILDING = frozenset(
    {MisuseKind.COMPLETE_LATE, MisuseKind.COMPLETE_TWICE, MisuseKind.BEAT_LATE, MisuseKind.COMPLETE_REPLACED}
)
_LATE_FAILURE = Failure(FailureCode.SOURCE_UNAVAILABLE, "a failure that comes late")


@dataclass(frozen=True)
class _Session:
    queue: GrpcQueue

    async def beat(self, job: Job) -> HeartbeatAnswer | None:
        """Send a heartbeat; return None if there is no answer."""
        return await _answer_or_none(self.queue.heartbeat([LeaseReport(job.lease)], 0, draining=False))


@dataclass
class MisusedLease:
    """A lease that was taken and misused. `built` is the file that was built under it; None if there is none.

    `may_count` says that a report under it was accepted, or may have been accepted without an answer.
    """

    job: Job
    built: Built | None = None
    may_count: bool = False


@dataclass
class MisbehavingWorker:
    """Takes leases directly from the queue at `queue` and misuses them. `leases` has all of them.

    It builds into `artifacts`, with `scratch` as its scratch folder. `read` reads an export of any tenant; it returns
    None if the export does not exist. `transitions` reads its history, which is then empty.
    """

    queue: str
    artifacts: ArtifactSettings
    scratch: Path
    sources: Sources
    read: Callable[[str], Awaitable[Export | None]]
    transitions: Callable[[str], Awaitable[Sequence[Transition]]]
    findings: Findings
    leases: list[MisusedLease] = field(default_factory=list)
    counts: dict[MisuseKind, int] = field(default_factory=dict)

    async def misuse(self, misuse: LeaseMisuse) -> None:
        """Take one lease and misuse it; does nothing if there is no job. Anything unexpected becomes a finding."""
        async with connected(self.queue, str(uuid4())) as queue:
            worker = _Session(queue)
            jobs = await _answer_or_none(queue.lease(str(uuid4()), 1, 3.0, EVERYTHING)) or []
            for job in jobs:
                lease = MisusedLease(job)
                self.leases.append(lease)
                self.counts[misuse.kind] = self.counts.get(misuse.kind, 0) + 1
                try:
                    await self._misuse(worker, lease, misuse)
                except Exception as error:  # noqa: BLE001 - one failure must not end the others
                    self.findings.add(Violation.UNEXPECTED, job.lease.export_id, f"{misuse.kind.name}: {error!r}")

    async def _misuse(self, worker: _Session, lease: MisusedLease, misuse: LeaseMisuse) -> None:
        kind, free_at = misuse.kind, 0.0
        if kind is MisuseKind.FORGET:
            return
        await worker.beat(lease.job)
        if kind in _BUILDING:
            outcome = await asyncio.to_thread(self._build, lease.job)
            lease.built = outcome if isinstance(outcome, Built) else None
        if kind is MisuseKind.COMPLETE_TWICE:
            await self.complete(worker, lease)
        if kind in _REPLACED:
            free_at = await self._until_replaced(lease.job)
        else:
            await asyncio.sleep(misuse.wait_s)  # late, as planned
        if kind in (MisuseKind.BEAT_LATE, MisuseKind.BEAT_REPLACED):
            await self._beat(worker, lease)
        if kind is MisuseKind.BEAT_REPLACED:
            await self._release(worker, lease, free_at)
        else:
            await (self.complete(worker, lease) if lease.built else self.fail(worker, lease))

    async def _until_replaced(self, job: Job) -> float:
        """Wait until another worker has the export, or it is done. Return the last time (monotonic) before that."""
        until = time.monotonic() + _REPLACEMENT_TIMEOUT_S
        free_at = read_at = time.monotonic()
        while not _superseded(await self.read(job.lease.export_id), job) and read_at < until:
            free_at = read_at
            await asyncio.sleep(0.02)  # interval of the checks: the other worker may be fast
            read_at = time.monotonic()
        return free_at

    async def _beat(self, worker: _Session, lease: MisusedLease) -> None:
        before = await self.read(lease.job.lease.export_id)
        answer = await worker.beat(lease.job)
        kept = answer is not None and answer.verdicts[0].verdict is Verdict.KEEP
        if kept and not lease.may_count and _superseded(before, lease.job):
            self._add_finding(lease, before, "renewed")

    async def _release(self, worker: _Session, lease: MisusedLease, free_at: float) -> None:
        """Release a lease that is no longer in force, which must have no effect.

        Before its confirm window is over, the worker that holds the export has no reason to release it either.
        """
        before = await self.read(lease.job.lease.export_id)
        await _answer_or_none(worker.queue.release([lease.job.lease]))
        after = await self.read(lease.job.lease.export_id)
        in_time = time.monotonic() < free_at + _CONFIRM_WINDOW_S
        given_back = before and after and after.attempt < before.attempt
        if given_back and in_time and _superseded(before, lease.job) and await self._released_since(before):
            self._add_finding(lease, before, "released")

    async def _released_since(self, before: Export | None) -> bool:
        """Whether the history has a release after this version. A busy api may commit a lease that expires at once."""
        if before is None:
            return False
        history = await self.transitions(before.id)
        return any(entry.event == Transition.EVENT_RELEASE and entry.version > before.version for entry in history)

    def _build(self, job: Job) -> Outcome:
        """Build the file as a child of a worker does."""
        scratch = self.scratch / f"misbehaving-{job.lease.lease_id}"
        try:
            scratch.mkdir(parents=True)
            order = Order(job, self.artifacts, scratch, "misbehaving", self.sources)
            return building.run(order, lambda _: None)
        except OSError:
            return _LATE_FAILURE
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    async def complete(self, worker: _Session, lease: MisusedLease) -> None:
        """Report the file. If this is accepted although the lease was replaced before, it is a finding."""
        built = lease.built
        if built is not None:
            await self._report(lease, lambda: worker.queue.complete(lease.job.lease, built))

    async def fail(self, worker: _Session, lease: MisusedLease) -> None:
        """Report a failure. If this is accepted although the lease was replaced before, it is a finding."""
        await self._report(lease, lambda: worker.queue.fail(lease.job.lease, _LATE_FAILURE))

    async def _report(self, lease: MisusedLease, report: Callable[[], Awaitable[None]]) -> None:
        before = await self.read(lease.job.lease.export_id)
        for _ in range(_TRIES):
            try:
                await report()
            except Fenced:
                return
            except TryAgain:  # it may have been accepted all the same
                lease.may_count = True
                await asyncio.sleep(0.2)  # an unhealthy service needs a moment
            except ExportdError:  # such as a file that no longer exists
                return
            else:
                self._check_acceptance(lease, before)
                return

    def _check_acceptance(self, lease: MisusedLease, before: Export | None) -> None:
        """Check a report that was accepted. `before` is the export just before it."""
        if _superseded(before, lease.job) and not lease.may_count:
            self._add_finding(lease, before, "accepted")
        lease.may_count = True

    def _add_finding(self, lease: MisusedLease, before: Export | None, what: str) -> None:
        state = "not there" if before is None else f"{name_of(Export.State, before.state)}, attempt {before.attempt}"
        text = f"lease {lease.job.lease.lease_id} of attempt {lease.job.attempt} {what}: the export was {state}"
        self.findings.add(Violation.STALE_ACCEPTED, lease.job.lease.export_id, text)


def _superseded(export: Export | None, job: Job) -> bool:
    """Whether no report under the job's lease may count any more. A higher attempt number belongs to another lease."""
    return export is None or export.done or export.attempt > job.attempt


@dataclass(frozen=True)
class ExportReader:
    """Reads exports by their ids alone, by asking as each tenant."""

    clients: Mapping[str, ExportClient]

    async def export(self, export_id: str) -> Export | None:
        """Return an export; None if it does not exist."""
        for client in self.clients.values():
            with suppress(NotFound):
                return await with_retries(lambda c=client: c.get(export_id))  # type: ignore[misc]
        return None

    async def transitions(self, export_id: str) -> Sequence[Transition]:
        """Return the history of an export; empty if it does not exist."""
        for client in self.clients.values():
            with suppress(NotFound):
                return await with_retries(lambda c=client: c.transitions(export_id))  # type: ignore[misc]
        return ()


async def _answer_or_none(call: Awaitable[Answer]) -> Answer | None:
    """Return the answer of the queue; None if it refuses or does not answer."""
    try:
        return await call
    except ExportdError:
        return None
