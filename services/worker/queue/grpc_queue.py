"""The job queue over gRPC."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc

from exportd.queue.v1 import job_queue_service_pb2 as pb2
from exportd.queue.v1.job_queue_service_pb2_grpc import JobQueueServiceStub
from services.contract import codec
from services.contract.capabilities import Capabilities
from services.contract.codes import FailureCode
from services.contract.errors import ExportdError
from services.contract.job import Directive, HeartbeatAnswer, Job, LeaseRef, LeaseReport, WorkerProblem
from services.contract.outcome import Built, Failure
from services.contract.preview import Preview, Previewed
from services.runtime import channels, logs
from services.runtime.tracing.context import current_text, outgoing
from services.worker.queue.completions import OUTCOME_S, Completions
from services.worker.queue.credentials import IN_THE_CLEAR, QueueCredentials
from services.worker.queue.unreachable import SILENCE_S, QueueUnreachable, translated

__all__ = ["UNREADABLE", "GrpcQueue", "QueueUnreachable", "connected"]

MAX_PROBLEMS = 100
_HEARTBEAT_S = 5.0
_POLL_MARGIN_S = 7.0
"""The api answers a poll at the latest 5 s before the deadline of the call."""

UNREADABLE = Failure(
    FailureCode.UNREADABLE_JOB, "this worker cannot read the job; run the same version of api and worker"
)


class GrpcQueue:
    """The JobQueue behind a channel, for the worker `worker_id` (a UUID of this start of the process)."""

    def __init__(self, channel: grpc.aio.Channel, worker_id: str, credentials: QueueCredentials) -> None:
        self._stub = JobQueueServiceStub(channel)
        self._credentials = credentials
        self._worker_id = worker_id
        self._completions = Completions(self._stub, worker_id, self._give_back)
        self._giving_back: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """End calls that nobody waits for."""
        self._completions.close()

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (*self._credentials.metadata(), *outgoing())

    async def lease(self, poll_id: str, max_jobs: int, wait_s: float, can: Capabilities) -> list[Job]:
        capabilities = codec.capabilities_to_pb(can)
        along = pb2.NextPoll(poll_id=poll_id, max_jobs=max_jobs, capabilities=capabilities)
        if jobs := await self._completions.poll_along(along):
            return await self._readable(jobs)
        request = pb2.LeaseJobsRequest(
            worker_id=self._worker_id,
            poll_id=poll_id,
            max_jobs=max_jobs,
            wait=codec.duration_to_pb(timedelta(seconds=wait_s)),
            capabilities=capabilities,
        )
        with translated():
            answer = await self._stub.LeaseJobs(request, timeout=wait_s + _POLL_MARGIN_S, metadata=self._metadata())
        return await self._readable(answer.jobs)

    async def heartbeat(
        self, held: list[LeaseReport], free_slots: int, *, draining: bool, problems: Sequence[WorkerProblem] = ()
    ) -> HeartbeatAnswer:
        request = pb2.HeartbeatRequest(
            worker_id=self._worker_id,
            leases=[codec.report_to_pb(report) for report in held],
            free_slots=free_slots,
            draining=draining,
            problems=[codec.problem_to_pb(problem) for problem in problems[:MAX_PROBLEMS]],
        )
        with translated():
            answer = await self._stub.Heartbeat(request, timeout=_HEARTBEAT_S, metadata=self._metadata())
        missing = await self._readable(answer.missing_jobs)
        del answer.missing_jobs[:]  # the verdicts must be used even if this version cannot read one of the jobs
        with translated():
            return replace(codec.heartbeat_answer_from_pb(answer), missing=tuple(missing))

    async def directives(self) -> AsyncIterator[Directive]:
        self._completions.try_together()
        call = self._stub.WatchDirectives(
            pb2.WatchDirectivesRequest(worker_id=self._worker_id), metadata=self._metadata()
        )
        try:
            with translated():
                while isinstance(message := await _within(SILENCE_S, call.read()), pb2.Directive):
                    yield codec.directive_from_pb(message)
        finally:
            call.cancel()

    async def complete(self, lease: LeaseRef, built: Built) -> None:
        request = pb2.CompleteJobRequest(
            export_id=lease.export_id,
            lease_id=lease.lease_id,
            artifact=codec.artifact_to_pb(built.artifact),
            stats=codec.stats_to_pb(built.stats),
            attachments_artifact=codec.artifact_to_pb(built.attachments) if built.attachments else None,
            traceparent=current_text(),
        )
        await self._completions.complete(request, self._metadata())

    async def fail(self, lease: LeaseRef, failure: Failure) -> None:
        request = pb2.FailJobRequest(
            export_id=lease.export_id,
            lease_id=lease.lease_id,
            failure=codec.failure_to_pb(failure),
            retry_after=codec.duration_to_pb(failure.retry_after),
        )
        await _done(self._stub.FailJob(request, timeout=OUTCOME_S, metadata=self._metadata()))

    async def take_preview(self, wait_s: float) -> Preview | None:
        request = pb2.TakePreviewRequest(
            worker_id=self._worker_id, wait=codec.duration_to_pb(timedelta(seconds=wait_s))
        )
        with translated():
            answer = await self._stub.TakePreview(request, timeout=wait_s + _POLL_MARGIN_S, metadata=self._metadata())
            return codec.preview_from_pb(answer.preview) if answer.HasField("preview") else None

    async def finish_preview(self, preview_id: str, answer: Previewed | Failure) -> None:
        await _done(
            self._stub.FinishPreview(
                codec.preview_answer_to_pb(preview_id, answer), timeout=OUTCOME_S, metadata=self._metadata()
            )
        )

    async def release(self, leases: list[LeaseRef]) -> None:
        reports = [codec.report_to_pb(LeaseReport(lease)) for lease in leases]
        request = pb2.ReleaseJobsRequest(worker_id=self._worker_id, leases=reports)
        await _done(self._stub.ReleaseJobs(request, timeout=OUTCOME_S, metadata=self._metadata()))

    async def _readable(self, messages: Iterable[pb2.Job]) -> list[Job]:
        """Return the jobs that can be read.

        The others are refused at once instead of being held until their leases expire.
        """
        jobs = []
        for message in messages:
            try:
                jobs.append(codec.job_from_pb(message))
            except (ValueError, ArithmeticError) as error:
                logs.get().error("job_unreadable", export_id=message.export_id, cause=logs.outline(error))
                await self._refuse(message)
        return jobs

    def _give_back(self, jobs: Sequence[pb2.Job]) -> None:
        """Give back jobs that came too late."""
        task = asyncio.create_task(self._given_back([LeaseRef(job.export_id, job.lease_id) for job in jobs]))
        self._giving_back.add(task)
        task.add_done_callback(self._giving_back.discard)

    async def _given_back(self, leases: list[LeaseRef]) -> None:
        with suppress(ExportdError):  # a heartbeat hears of them, or they expire
            await self.release(leases)

    async def _refuse(self, message: pb2.Job) -> None:
        if not message.lease_id:
            return  # without a lease id the job cannot be refused
        try:
            await self.fail(LeaseRef(message.export_id, message.lease_id), UNREADABLE)
        except ExportdError as error:
            logs.get().warning("job_unreadable_not_reported", export_id=message.export_id, reason=error.reason)


@asynccontextmanager
async def connected(
    address: str, worker_id: str, credentials: QueueCredentials = IN_THE_CLEAR
) -> AsyncIterator[GrpcQueue]:
    """Open a channel to the queue at HOST:PORT.

    It need not be reachable yet. Raises CannotStart for credentials that cannot be used.
    """
    shown, options = credentials.channel_credentials(), channels.client_options()
    plain = grpc.aio.insecure_channel
    async with grpc.aio.secure_channel(address, shown, options) if shown else plain(address, options) as channel:
        queue = GrpcQueue(channel, worker_id, credentials)
        try:
            yield queue
        finally:
            queue.close()


async def _within(time_s: float, answer: Awaitable[Any]) -> Any:
    async with asyncio.timeout(time_s):
        return await answer


async def _done(call: Awaitable[object]) -> None:
    with translated():
        await call
