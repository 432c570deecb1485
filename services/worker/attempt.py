"""One lease, from its announcement to its end: confirm, build, report, clean up."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from uuid import uuid4

from services.contract import errors
from services.contract.job import Job, LeaseReport
from services.contract.outcome import Built, Failure, Progress
from services.runtime import logs
from services.worker.artifacts import ArtifactFolder
from services.worker.child import internal
from services.worker.contact import pauses
from services.worker.metrics import WorkerMetrics
from services.worker.order import Order, Outcome
from services.worker.pool import Pool
from services.worker.ports import JobQueue
from services.worker.store_check import StoreCheck

_RELEASE_FOR_S = 5.0
"""How long giving a lease back is tried: an unanswered one expires by itself."""


class Ending(Enum):
    """How an attempt ended. The last four leave no file; the api knows or finds out by itself."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    RELEASED = "released"
    ORPHANED = "orphaned"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all attempts of a worker share. Times in seconds."""

    queue: JobQueue
    pool: Pool
    folder: ArtifactFolder
    store: StoreCheck
    metrics: WorkerMetrics
    sources: Mapping[str, Any] = field(repr=False)
    no_progress_timeout_s: float
    orphan_timeout_s: float


class Attempt:
    """The work under one lease. `run` once; the other methods are for the same event loop and never block."""

    def __init__(self, job: Job, around: Surroundings) -> None:
        self.job = job
        self.reference = str(uuid4())
        self._around = around
        self._progress: Progress | None = None
        self._confirmed = asyncio.Event()
        self._stopped: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._outcome: Outcome | None = None
        self._heard: Callable[[Progress], None] = self._note

    @property
    def busy(self) -> bool:
        """False once there is an outcome: what is left is to report it."""
        return self._outcome is None

    @property
    def unconfirmed(self) -> bool:
        """True until the first heartbeat that named the lease was answered."""
        return not self._confirmed.is_set()

    def report(self) -> LeaseReport:
        """For a heartbeat."""
        return LeaseReport(self.job.lease, self._progress)

    def confirm(self) -> None:
        """The api knows that the lease has arrived: work may begin."""
        self._confirmed.set()

    def stop(self, why: Ending) -> None:
        """Kill the work and drop what it made.

        Once there is an outcome, only the answer to its report says what it is worth (the completion may be committed,
        and the verdict LOST be its consequence); stopping then only ends the tries to report it.
        """
        moot = self._outcome is not None and why in (Ending.CANCELLED, Ending.LOST)
        if not moot and not self._stopped.done():
            self._stopped.set_result(why)

    async def run(self) -> Ending:
        """Everything, and a line in the log. Never raises but CancelledError."""
        begin = time.monotonic()
        try:
            ending = await self._live()
        except Exception:
            logs.get().exception("attempt_broken", reference=self.reference)
            ending = Ending.ORPHANED
        finally:
            await asyncio.to_thread(self._around.folder.clean, self.job)
        self._tell(ending, time.monotonic() - begin)
        return ending

    async def _live(self) -> Ending:
        building = asyncio.ensure_future(self._build())
        await asyncio.wait({building, self._stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not building.done():
            building.cancel()
            await asyncio.wait({building})
            return await self._dropped(self._stopped.result())
        try:
            self._outcome = building.result()
        except errors.StoreMismatch as mismatch:
            return await self._mismatched(mismatch)
        except Exception:
            logs.get().exception("attempt_broken", reference=self.reference)
            self._outcome = internal(self.reference)
        return await self._reported(self._outcome)

    # ---- building

    async def _build(self) -> Outcome:
        """Raises StoreMismatch."""
        await self._confirmed.wait()
        await asyncio.to_thread(self._around.store.require, self.job.store_id)
        try:
            spool = await asyncio.to_thread(self._around.folder.spool_for, self.job)
        except OSError:
            logs.get().exception("spool_not_made", reference=self.reference)
            return Failure("STORE_UNAVAILABLE", "the artifact store takes no files now", retryable=True)
        return await self._watched(
            Order(self.job, self._around.folder.root, spool, self.reference, self._around.sources)
        )

    async def _watched(self, order: Order) -> Outcome:
        """The outcome of the child, or that it took too long."""
        limit_s, quiet_s = self.job.run_timeout.total_seconds(), self._around.no_progress_timeout_s
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(limit_s), asyncio.timeout(quiet_s) as quiet:

                def heard(progress: Progress) -> None:
                    self._note(progress)
                    if not quiet.expired():
                        quiet.reschedule(loop.time() + quiet_s)

                return await self._around.pool.run(order, heard)
        except TimeoutError:
            if quiet.expired():
                return Failure("NO_PROGRESS", f"the attempt made no progress for {quiet_s:g} s", retryable=True)
            return Failure("RUN_TIMEOUT", f"the attempt took longer than {limit_s:g} s", retryable=True)

    def _note(self, progress: Progress) -> None:
        self._progress = progress

    # ---- reporting

    async def _reported(self, outcome: Outcome) -> Ending:
        """Tell the api, and heed its answer."""
        match outcome:
            case Built():
                return await self._complete(outcome)
            case Failure():
                await self._withdraw()
                return await self._fail(outcome)

    async def _complete(self, built: Built) -> Ending:
        """When nobody answers, the file stays: it may have been published."""
        try:
            await self._persist(lambda: self._around.queue.complete(self.job.lease, built), self._around.orphan_timeout_s)
        except errors.TryAgain:
            return self._given_up()
        except errors.ExportdError as refused:
            await self._withdraw()
            return await self._refused(refused)
        return Ending.COMPLETED

    async def _refused(self, refused: errors.ExportdError) -> Ending:
        """What is left to do when the api does not take the file."""
        match refused:
            case errors.Fenced():
                return _fenced(refused)
            case errors.StoreMismatch():
                return await self._mismatched(refused)
            case errors.RowsMissing():
                return await self._fail(Failure(refused.reason, str(refused), retryable=True))
            case _:
                logs.get().error("completion_refused", reference=self.reference, reason=refused.reason)
                return await self._fail(internal(self.reference))

    async def _fail(self, failure: Failure) -> Ending:
        self._outcome = failure
        try:
            await self._persist(lambda: self._around.queue.fail(self.job.lease, failure), self._around.orphan_timeout_s)
        except errors.Fenced as fenced:
            return _fenced(fenced)
        except errors.TryAgain:
            return self._given_up()
        except errors.ExportdError as refused:
            logs.get().error("failure_refused", reference=self.reference, reason=refused.reason)
        return Ending.FAILED

    async def _persist(self, call: Callable[[], Awaitable[None]], for_s: float) -> None:
        """Call until it is answered; TryAgain only when `for_s` is over or the attempt was stopped."""
        until = time.monotonic() + for_s
        for pause in pauses():
            try:
                return await call()
            except (errors.TryAgain, errors.Broken) as unanswered:
                if time.monotonic() + pause > until or await self._stopped_within(pause):
                    raise errors.StoreUnavailable from unanswered
        return None

    async def _stopped_within(self, pause_s: float) -> bool:
        await asyncio.wait({self._stopped}, timeout=pause_s)
        return self._stopped.done()

    # ---- endings without an outcome

    def _given_up(self) -> Ending:
        return self._stopped.result() if self._stopped.done() else Ending.ORPHANED

    async def _dropped(self, why: Ending) -> Ending:
        await self._withdraw()
        if why is Ending.RELEASED:
            await self._release()
        return why

    async def _mismatched(self, mismatch: errors.StoreMismatch) -> Ending:
        self._around.store.refuse(mismatch)
        await self._release()
        return Ending.RELEASED

    async def _release(self) -> None:
        try:
            await self._persist(lambda: self._around.queue.release([self.job.lease]), _RELEASE_FOR_S)
        except errors.ExportdError as unanswered:
            logs.get().warning("release_unanswered", reference=self.reference, reason=unanswered.reason)

    async def _withdraw(self) -> None:
        await asyncio.to_thread(self._around.folder.withdraw, self.job)

    # ---- the wide line

    def _tell(self, ending: Ending, seconds: float) -> None:
        metrics, job, outcome = self._around.metrics, self.job, self._outcome
        metrics.attempts.labels(ending.value).inc()
        metrics.run_seconds.labels(job.spec.table.format.value).observe(seconds)
        if ending is Ending.COMPLETED and isinstance(outcome, Built):
            metrics.rows.inc(outcome.stats.rows_written)
            metrics.bytes.inc(outcome.artifact.size_bytes)
        logs.get().info(
            "attempt",
            export_id=job.lease.export_id,
            lease_id=job.lease.lease_id,
            attempt=job.attempt,
            collection=job.spec.collection,
            format=job.spec.table.format.value,
            reference=self.reference,
            outcome=ending.value,
            seconds=round(seconds, 4),
            **_figures(outcome),
        )


def _fenced(refused: errors.Fenced) -> Ending:
    return Ending.CANCELLED if isinstance(refused, errors.JobCancelled) else Ending.LOST


def _figures(outcome: Outcome | None) -> dict[str, object]:
    match outcome:
        case Built(artifact, stats):
            return {"rows": stats.rows_written, "bytes": artifact.size_bytes, "warnings": len(stats.warnings)}
        case Failure():
            return {"code": outcome.code, "message": outcome.message}
        case None:
            return {}
