"""One attempt, from the lease to its end: build, report, clean up."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from services.contract.codes import FailureCode
from services.contract.errors import StoreMismatch
from services.contract.job import Job, LeaseReport
from services.contract.outcome import Failure, Progress
from services.contract.preview import PREVIEW_S
from services.runtime import logs
from services.runtime.tracing.context import CURRENT, log_fields
from services.runtime.tracing.tracer import NO_TRACER, Span, Tracer
from services.runtime.tracing.words import Kind, SpanName
from services.worker.artifacts.settings import ArtifactSettings
from services.worker.artifacts.store_check import StoreCheck
from services.worker.child.main import internal
from services.worker.metrics import WorkerMetrics
from services.worker.order import Order, Outcome
from services.worker.ports import ArtifactSink, JobQueue, StoreUnavailable
from services.worker.scratch import Scratch
from services.worker.sources.live import LiveSources
from services.worker.supervisor.outcome_log import Ended, Ending
from services.worker.supervisor.pool import Pool
from services.worker.supervisor.reporting import Reporting
from services.worker.supervisor.spans import attempt_span, note_ending, record_stages
from services.worker.world import World


@dataclass(frozen=True, slots=True)
class PreviewTimes:
    """Time limits of a preview in seconds: for reading its rows, and for counting all rows.

    Counting is cut off early because it is optional.
    """

    rows_s: float = PREVIEW_S - 1
    count_s: float = 3.0


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What all attempts of a worker share. Each child opens an artifact sink of its own. Times are in seconds."""

    queue: JobQueue
    pool: Pool
    artifacts: ArtifactSettings
    sink: ArtifactSink
    scratch: Scratch
    store: StoreCheck
    metrics: WorkerMetrics
    world: World
    sources: LiveSources = field(repr=False)
    no_progress_timeout_s: float
    orphan_timeout_s: float
    threads: int
    previews: PreviewTimes
    tracer: Tracer = NO_TRACER


class Attempt:
    """The work under one lease. Call `run` once. The other methods belong to the same event loop and never block."""

    def __init__(
        self, job: Job, context: WorkerContext, freed: Callable[[], None], built: Callable[[Job, Outcome], None]
    ) -> None:
        """`freed` is called when `busy` becomes false, `built` with the outcome of building."""
        self.job = job
        self._built = built
        self.reference = context.world.new_id()
        self._context = context
        self._freed = freed
        self._progress: Progress | None = None
        self.confirmed = False
        self._outcome: Outcome | None = None
        self._stopped_at: float | None = None
        self._stopped: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._reporting = Reporting(
            context.queue, job.lease, self, self._stopped, context.orphan_timeout_s, self.reference, context.world
        )

    @property
    def busy(self) -> bool:
        """False once there is an outcome. All that is left then is to report it."""
        return self._outcome is None

    def report(self) -> LeaseReport:
        """Return the lease and its progress for a heartbeat."""
        return LeaseReport(self.job.lease, self._progress)

    def confirm(self) -> None:
        """Note that the api has answered a heartbeat that named the lease."""
        self.confirmed = True

    def stop(self, why: Ending) -> None:
        """Kill the work and delete what it wrote.

        Once there is an outcome, only the api's answer to its report decides what becomes of it: a completion may
        already be committed, and the verdict LOST may be a consequence of that. Stopping the attempt then only ends the
        repeated reports.
        """
        moot = self._outcome is not None and why in (Ending.CANCELLED, Ending.LOST)
        if not moot and not self._stopped.done():
            self._stopped_at = self._context.world.monotonic()
            self._stopped.set_result(why)

    async def run(self) -> None:
        """Run the attempt to its end and log one line about it. Raises only CancelledError."""
        with attempt_span(self._context.tracer, self.job) as span:
            logs.bind(**log_fields())
            await self._run(span)

    async def _run(self, span: Span) -> None:
        begin = self._context.world.monotonic()
        ending = Ending.BROKEN
        try:
            ending = await self._live()
        except Exception as raised:  # noqa: BLE001 - a defect in one attempt must not end the others
            logs.get().error("attempt_crashed", reference=self.reference, cause=logs.outline(raised))
        finally:
            now, metrics = self._context.world.monotonic(), self._context.metrics
            if ending is Ending.CANCELLED and self._stopped_at is not None:
                metrics.cancel_to_stop.observe(now - self._stopped_at)
            Ended(self.job, self.reference, ending, self._outcome, now - begin).tell(metrics)
            note_ending(span, ending, self._outcome)

    async def withdraw(self) -> None:
        """See reporting.Place."""
        await asyncio.to_thread(self._context.sink.withdraw, self.job.lease)

    def mismatched(self, mismatch: StoreMismatch) -> Failure:
        """See reporting.Place."""
        self._context.store.tell(mismatch)
        failure = Failure(FailureCode.STORE_MISMATCH, "the worker and the api see different artifact stores")
        self._built(self.job, failure)
        return failure

    async def _live(self) -> Ending:
        building = asyncio.create_task(self._build())
        if not await self._finished(building):
            return await self._dropped()
        try:
            self._outcome = building.result()
        except StoreMismatch as mismatch:
            return await self._reporting.mismatch(mismatch)
        except Exception as raised:  # noqa: BLE001 - any error must be reported to the api
            logs.get().error("job_crashed", reference=self.reference, cause=logs.outline(raised))
            self._outcome = internal(self.reference)
        self._built(self.job, self._outcome)
        self._freed()
        with self._span(SpanName.REPORT, Kind.CLIENT):
            return await self._reporting.outcome(self._outcome)

    def _span(self, name: SpanName, kind: Kind = Kind.INTERNAL) -> Span:
        return self._context.tracer.span(name, CURRENT.get(), kind=kind)

    async def _finished(self, building: asyncio.Task[Outcome]) -> bool:
        """Wait until the work is done (True) or stopped (False). When it was stopped, its process has ended."""
        both: set[asyncio.Future[Any]] = {building, self._stopped}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            finished = building.done()
            building.cancel()
        await asyncio.wait({building})
        return finished

    async def _dropped(self) -> Ending:
        await self.withdraw()
        why = self._stopped.result()
        return await self._reporting.release() if why is Ending.RELEASED else why

    async def _build(self) -> Outcome:
        """Build the file. Raises StoreMismatch."""
        try:
            return await self._watched()
        except StoreUnavailable as unavailable:
            self._context.store.tell_unavailable(unavailable)
            return Failure(FailureCode.STORE_UNAVAILABLE, "the artifact store does not answer the worker now")
        except OSError as raised:
            logs.get().error("scratch_not_made", reference=self.reference, cause=logs.outline(raised))
            return Failure(FailureCode.STORE_UNAVAILABLE, "the worker cannot create its scratch folder")

    @contextmanager
    def _ordered(self) -> Iterator[Order]:
        """Check that this worker and the api use the same store, and yield the order while its scratch folder is there.

        Raises StoreMismatch, StoreUnavailable or OSError.
        """
        context, lease = self._context, self.job.lease
        context.store.require(self.job)
        scratch, sources = context.scratch.folder_for(lease), context.sources.current
        try:
            yield Order(self.job, context.artifacts, scratch, self.reference, sources, threads=context.threads)
        finally:
            context.scratch.remove(lease)

    async def _watched(self) -> Outcome:
        """Return the outcome of the child, or a failure when a time limit was exceeded."""
        limit_s, quiet_s = self.job.run_timeout.total_seconds(), self._context.no_progress_timeout_s
        try:
            async with asyncio.timeout(limit_s) as limit, asyncio.timeout(quiet_s) as quiet:
                return await self._context.pool.run(
                    self._ordered,
                    lambda progress: self._heard(progress, quiet),
                    lambda stages: record_stages(self._context.tracer, stages),
                )
        except TimeoutError:
            if quiet.expired():
                return Failure(FailureCode.NO_PROGRESS, f"the attempt made no progress for {quiet_s:g} s")
            if limit.expired():
                return Failure(FailureCode.RUN_TIMEOUT, f"the attempt took longer than {limit_s:g} s")
            raise  # an OSError of a disk that is far away

    def _heard(self, progress: Progress, quiet: asyncio.Timeout) -> None:
        self._progress = progress
        if not quiet.expired():
            quiet.reschedule(asyncio.get_running_loop().time() + self._context.no_progress_timeout_s)
