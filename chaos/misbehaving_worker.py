"""A worker that behaves badly: it comes late, comes twice, or never. What it may still do is watched."""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from chaos.callers import patiently
from chaos.ledger import Findings, Wrong
from chaos.plan import Manner, Misdeed
from exportd_client import Export, ExportClient, NotFound
from services.contract.errors import ExportdError, Fenced, TryAgain
from services.contract.job import HeartbeatAnswer, Job, LeaseReport, Verdict
from services.contract.outcome import Built, Failure
from services.worker import job as building
from services.worker.order import Order, Outcome
from services.worker.queue.grpc_queue import GrpcQueue, connected
from services.worker.sources.settings import SourceSettings

Answer = TypeVar("Answer")

_TRIES = 20
_REPLACED_WITHIN_S = 10.0
_CONFIRM_WINDOW_S = 0.9
"""A little less than that of the api."""

_REPLACED = frozenset({Manner.COMPLETE_REPLACED, Manner.FAIL_REPLACED, Manner.BEAT_REPLACED})
_BUILDING = frozenset({Manner.COMPLETE_LATE, Manner.COMPLETE_TWICE, Manner.BEAT_LATE, Manner.COMPLETE_REPLACED})
_LATE = Failure("SOURCE_UNAVAILABLE", "a failure that comes late", retryable=True)


@dataclass(frozen=True)
class _Worker:
    queue: GrpcQueue

    async def beat(self, job: Job) -> HeartbeatAnswer | None:
        """Heartbeat; None when nobody answers."""
        return await _or_nothing(self.queue.heartbeat([LeaseReport(job.lease)], 0, draining=False))


@dataclass
class Taken:
    """A lease that was taken and misused; `built` is the file that was made under it, None when none was.

    `may_count` says that a report under it may have been taken without an answer, or was.
    """

    job: Job
    built: Built | None = None
    may_count: bool = False


@dataclass
class Zombies:
    """Takes leases straight from the queue at `queue` and misuses them; `taken` is every one of them.

    `read` reads an export of any tenant, None when it is not there.
    """

    queue: str
    root: Path
    sources: dict[str, SourceSettings]
    read: Callable[[str], Awaitable[Export | None]]
    findings: Findings
    taken: list[Taken] = field(default_factory=list)
    done: dict[Manner, int] = field(default_factory=dict)

    async def commit(self, misdeed: Misdeed) -> None:
        """Take one lease and misuse it; does nothing when there is no job. Whatever is strange becomes a finding."""
        async with connected(self.queue, str(uuid4())) as queue:
            worker = _Worker(queue)
            jobs = await _or_nothing(queue.lease(str(uuid4()), 1, 3.0)) or []
            for job in jobs:
                taken = Taken(job)
                self.taken.append(taken)
                self.done[misdeed.manner] = self.done.get(misdeed.manner, 0) + 1
                try:
                    await self._misuse(worker, taken, misdeed)
                except Exception as error:  # noqa: BLE001 - one that fails must not end the others
                    self.findings.add(Wrong.UNEXPECTED, job.lease.export_id, f"{misdeed.manner.name}: {error!r}")

    async def _misuse(self, worker: _Worker, taken: Taken, misdeed: Misdeed) -> None:
        manner, free_at = misdeed.manner, 0.0
        if manner is Manner.FORGET:
            return
        await worker.beat(taken.job)
        if manner in _BUILDING:
            outcome = await asyncio.to_thread(self._build, taken.job)
            taken.built = outcome if isinstance(outcome, Built) else None
        if manner is Manner.COMPLETE_TWICE:
            await self.complete(worker, taken)
        if manner in _REPLACED:
            free_at = await self._until_replaced(taken.job)
        else:
            await asyncio.sleep(misdeed.wait_s)  # late, as the plan says
        if manner in (Manner.BEAT_LATE, Manner.BEAT_REPLACED):
            await self._beat(worker, taken)
        if manner is Manner.BEAT_REPLACED:
            await self._release(worker, taken, free_at)
        else:
            await (self.complete(worker, taken) if taken.built else self.fail(worker, taken))

    async def _until_replaced(self, job: Job) -> float:
        """Wait until another worker is at it, or it is over; when (monotonic) it was not so for the last time."""
        until = time.monotonic() + _REPLACED_WITHIN_S
        free_at = asked_at = time.monotonic()
        while not _superseded(await self.read(job.lease.export_id), job) and asked_at < until:
            free_at = asked_at
            await asyncio.sleep(0.02)  # how often it is looked at: the other one may be quick
            asked_at = time.monotonic()
        return free_at

    async def _beat(self, worker: _Worker, taken: Taken) -> None:
        before = await self.read(taken.job.lease.export_id)
        answer = await worker.beat(taken.job)
        kept = answer is not None and answer.verdicts[0].verdict is Verdict.KEEP
        if kept and not taken.may_count and _superseded(before, taken.job):
            self._found(taken, before, "renewed")

    async def _release(self, worker: _Worker, taken: Taken, free_at: float) -> None:
        """A release of a lease that no longer counts is passed over.

        The attempt in force cannot have been given back for another reason before its confirm window was over.
        """
        before = await self.read(taken.job.lease.export_id)
        await _or_nothing(worker.queue.release([taken.job.lease]))
        after = await self.read(taken.job.lease.export_id)
        given_back = before and after and after.attempt < before.attempt and _superseded(before, taken.job)
        if given_back and time.monotonic() < free_at + _CONFIRM_WINDOW_S:
            self._found(taken, before, "released")

    def _build(self, job: Job) -> Outcome:
        """As a child of a worker does it."""
        spool = self.root / ".spool" / f"zombie-{job.lease.lease_id}"
        try:
            spool.mkdir(parents=True)
            return building.run(Order(job, self.root, spool, "zombie", self.sources), lambda _: None)
        except OSError:
            return _LATE
        finally:
            shutil.rmtree(spool, ignore_errors=True)

    async def complete(self, worker: _Worker, taken: Taken) -> None:
        """Report the file; a finding when that is accepted though the lease was replaced before."""
        built = taken.built
        if built is not None:
            await self._judged(taken, lambda: worker.queue.complete(taken.job.lease, built))

    async def fail(self, worker: _Worker, taken: Taken) -> None:
        """Report a failure; a finding when that is accepted though the lease was replaced before."""
        await self._judged(taken, lambda: worker.queue.fail(taken.job.lease, _LATE))

    async def _judged(self, taken: Taken, report: Callable[[], Awaitable[None]]) -> None:
        before = await self.read(taken.job.lease.export_id)
        for _ in range(_TRIES):
            try:
                await report()
            except Fenced:
                return
            except TryAgain:  # it may have been taken all the same
                taken.may_count = True
                await asyncio.sleep(0.2)  # whoever is ill needs a moment
            except ExportdError:  # such as a file that is not there any more
                return
            else:
                self._judge(taken, before)
                return

    def _judge(self, taken: Taken, before: Export | None) -> None:
        """The report was accepted; `before` is how the export was just before it."""
        if _superseded(before, taken.job) and not taken.may_count:
            self._found(taken, before, "accepted")
        taken.may_count = True

    def _found(self, taken: Taken, before: Export | None, what: str) -> None:
        state = "not there" if before is None else f"{Export.State.Name(before.state)}, attempt {before.attempt}"
        text = f"lease {taken.job.lease.lease_id} of attempt {taken.job.attempt} {what}: the export was {state}"
        self.findings.add(Wrong.STALE_ACCEPTED, taken.job.lease.export_id, text)


def _superseded(export: Export | None, job: Job) -> bool:
    """No report under the job's lease may count any more; an attempt with a higher number is another lease's."""
    return export is None or export.done or export.attempt > job.attempt


def reader(clients: dict[str, ExportClient]) -> Callable[[str], Awaitable[Export | None]]:
    """Reads an export by id alone: each tenant is asked."""

    async def read(export_id: str) -> Export | None:
        for client in clients.values():
            with suppress(NotFound):
                return await patiently(lambda c=client: c.get(export_id))  # type: ignore[misc]
        return None

    return read


async def _or_nothing(call: Awaitable[Answer]) -> Answer | None:
    """The answer of the queue; None when it refuses or does not answer."""
    try:
        return await call
    except ExportdError:
        return None
