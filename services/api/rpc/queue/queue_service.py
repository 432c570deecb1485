"""JobQueueService over gRPC: decode, call, encode."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.queue.v1 import job_queue_service_pb2_grpc
from services.api.ports.live import PreviewDesk
from services.api.rpc.gate import REACH
from services.api.rpc.limits import Limit
from services.api.rpc.metadata import Context
from services.api.rpc.queue.completions import Completions, outcome_to_pb
from services.api.rpc.queue.fields import check
from services.api.rpc.queue.parse import built_of, known
from services.api.usecases.jobs import MAX_WAIT_S, Jobs
from services.contract import codec
from services.contract.capabilities import EVERYTHING, Capabilities
from services.contract.errors import ExportdError
from services.contract.job import Job, LeaseRef
from services.runtime import logs
from services.runtime.tracing.tracer import NO_TRACER, Tracer

MAX_POLLS = 1024
MAX_POLLS_OF_WORKER = 16
"""It needs one of each kind, and another one while the api does not know yet that the first was cut off."""

ANSWER_BEFORE_DEADLINE_S = 5.0
MAX_RETRY_AFTER = timedelta(days=1)


class JobQueueServicer(job_queue_service_pb2_grpc.JobQueueServiceServicer):
    """Implements JobQueueService. `inspection_wait`: see LeasePolicy."""

    def __init__(
        self,
        jobs: Jobs,
        preview_desk: PreviewDesk,
        clock: Callable[[], datetime],
        inspection_wait: timedelta,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        self._jobs = jobs
        self._clock = clock
        self._inspection_wait_s = inspection_wait.total_seconds()
        self._completions = Completions(jobs, clock, tracer)
        self._preview_desk = preview_desk
        self._polls = Limit("poll", MAX_POLLS, MAX_POLLS_OF_WORKER)
        self._askers = Limit("preview poll", MAX_POLLS, MAX_POLLS_OF_WORKER)
        self._listeners = Limit("directives", MAX_POLLS, MAX_POLLS_OF_WORKER)

    async def LeaseJobs(self, request: queue_pb2.LeaseJobsRequest, context: Context) -> queue_pb2.LeaseJobsResponse:
        check(request)
        logs.bind(worker_id=request.worker_id)
        with self._polls.held(request.worker_id):
            wait_s = _wait_s(request, context)
            jobs = await self._jobs.lease(request.worker_id, request.poll_id, request.max_jobs, wait_s, _can(request))
        logs.bind(leases={job.lease.export_id: job.lease.lease_id for job in jobs})
        return queue_pb2.LeaseJobsResponse(jobs=[codec.job_to_pb(job) for job in jobs])

    async def Heartbeat(self, request: queue_pb2.HeartbeatRequest, context: Context) -> queue_pb2.HeartbeatResponse:
        check(request)
        answer = await self._jobs.heartbeat(
            request.worker_id,
            [known("leases", codec.report_from_pb, report) for report in request.leases],
            request.free_slots,
            draining=request.draining,
            problems=tuple(codec.problem_from_pb(problem) for problem in request.problems),
            reach=REACH.get(),
        )
        return codec.heartbeat_answer_to_pb(answer)

    async def WatchDirectives(  # type: ignore[override]  # writes: a generator would be closed late
        self, request: queue_pb2.WatchDirectivesRequest, context: Context
    ) -> None:
        check(request)
        logs.bind(worker_id=request.worker_id)
        with self._listeners.held(request.worker_id):
            async for directive in self._jobs.directives():
                await context.write(codec.directive_to_pb(directive))

    async def CompleteJob(
        self, request: queue_pb2.CompleteJobRequest, context: Context
    ) -> queue_pb2.CompleteJobResponse:
        check(request)
        built = built_of(request)
        logs.bind(rows=built.stats.rows_written, bytes=built.artifact.size_bytes)
        await self._jobs.complete(_lease(request), built)
        return queue_pb2.CompleteJobResponse()

    async def CompleteJobs(
        self, request: queue_pb2.CompleteJobsRequest, context: Context
    ) -> queue_pb2.CompleteJobsResponse:
        check(request)
        logs.bind(worker_id=request.worker_id, completed={job.export_id: job.lease_id for job in request.jobs})
        began = self._clock()
        inspecting = asyncio.ensure_future(self._completions.inspected(request.jobs))
        try:
            await asyncio.wait([inspecting], timeout=self._inspection_wait_s)
            outcomes, jobs = await asyncio.gather(self._completions.published(inspecting), self._next_jobs(request))
        finally:
            inspecting.cancel()  # if the worker has gone
        self._completions.trace(request.jobs, outcomes, began)
        self._jobs.count_fenced("CompleteJobs", outcomes)
        logs.bind(
            refused={job.export_id: each.reason for job, each in zip(request.jobs, outcomes, strict=True) if each},
            leases={job.lease.export_id: job.lease.lease_id for job in jobs},
        )
        return queue_pb2.CompleteJobsResponse(
            outcomes=[outcome_to_pb(each) for each in outcomes], jobs=[codec.job_to_pb(job) for job in jobs]
        )

    async def _next_jobs(self, request: queue_pb2.CompleteJobsRequest) -> list[Job]:
        """Return the next jobs. None if the poll is refused: LeaseJobs says why."""
        poll = request.next
        if not request.HasField("next"):
            return []
        try:
            with self._polls.held(request.worker_id):
                return await self._jobs.lease(request.worker_id, poll.poll_id, poll.max_jobs, 0, _can(poll))
        except ExportdError:
            return []

    async def FailJob(self, request: queue_pb2.FailJobRequest, context: Context) -> queue_pb2.FailJobResponse:
        check(request)
        retry_after = known("retry_after", codec.duration_from_pb, request.retry_after)
        latest = min(retry_after, MAX_RETRY_AFTER) if request.HasField("retry_after") else None
        failure = codec.failure_from_pb(request.failure, latest)
        logs.bind(failure=failure.code)
        await self._jobs.fail(_lease(request), failure)
        return queue_pb2.FailJobResponse()

    async def TakePreview(
        self, request: queue_pb2.TakePreviewRequest, context: Context
    ) -> queue_pb2.TakePreviewResponse:
        check(request)
        with self._askers.held(request.worker_id):
            can = REACH.get().limiting(await self._jobs.ability(request.worker_id))
            preview = await self._preview_desk.take(_wait_s(request, context), can)
        return queue_pb2.TakePreviewResponse(preview=codec.preview_to_pb(preview) if preview else None)

    async def FinishPreview(
        self, request: queue_pb2.FinishPreviewRequest, context: Context
    ) -> queue_pb2.FinishPreviewResponse:
        await asyncio.to_thread(check, request)  # megabytes of JSON
        await self._preview_desk.finish(request.preview_id, codec.preview_answer_from_pb(request))
        return queue_pb2.FinishPreviewResponse()

    async def ReleaseJobs(
        self, request: queue_pb2.ReleaseJobsRequest, context: Context
    ) -> queue_pb2.ReleaseJobsResponse:
        check(request)
        logs.bind(worker_id=request.worker_id)
        await self._jobs.release([LeaseRef(report.export_id, report.lease_id) for report in request.leases])
        return queue_pb2.ReleaseJobsResponse()


def _can(poll: queue_pb2.LeaseJobsRequest | queue_pb2.NextPoll) -> Capabilities:
    """Return what the worker can do, within what its credentials allow."""
    can = codec.capabilities_from_pb(poll.capabilities) if poll.HasField("capabilities") else EVERYTHING
    return REACH.get().limiting(can)


def _lease(request: queue_pb2.CompleteJobRequest | queue_pb2.FailJobRequest) -> LeaseRef:
    logs.bind(export_id=request.export_id, lease_id=request.lease_id)
    return LeaseRef(request.export_id, request.lease_id)


def _wait_s(request: queue_pb2.LeaseJobsRequest | queue_pb2.TakePreviewRequest, context: Context) -> float:
    """Return the requested wait in seconds, at most 25 s, and short enough to answer before the caller's deadline."""
    left = context.time_remaining()
    latest = MAX_WAIT_S if left is None else max(0.0, left - ANSWER_BEFORE_DEADLINE_S)
    requested = known("wait", codec.duration_from_pb, request.wait).total_seconds()
    return min(requested, MAX_WAIT_S, latest)
