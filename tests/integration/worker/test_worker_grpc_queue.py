"""The queue over gRPC, against a server that answers as it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from exportd.queue.v1 import job_queue_service_pb2 as pb2
from exportd.queue.v1 import job_queue_service_pb2_grpc as pb2_grpc
from services.contract import codec, status
from services.contract.capabilities import Capabilities
from services.contract.codes import FailureCode, UnknownCode
from services.contract.errors import ExportdError, JobCancelled, LeaseLost, RowsMissing, ShuttingDown, StoreMismatch
from services.contract.job import Directive, Hint, Job, LeaseRef, LeaseReport, LeaseVerdict, Verdict
from services.contract.outcome import (
    Artifact,
    Built,
    Consistency,
    ExportWarning,
    Failure,
    MatchedBy,
    Phase,
    Progress,
    RunStats,
)
from services.worker.queue.grpc_queue import GrpcQueue, QueueUnreachable, connected
from tests.integration.worker.rig import SPEC
from tests.patience import PATIENCE_S

MINUTE = timedelta(minutes=1)
CAN = Capabilities(frozenset({"spec/1", "rows/sql/db"}), "5d9c4d0a-3f0e-4c58-9a5c-5a7b1f6f4c11")
LEASE = LeaseRef("e1", "aa")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
JOB = Job(LEASE, 1, 3, MINUTE, MINUTE, MINUTE, SPEC, "e1/aa/", "store", trace=TRACE)
BUILT = Built(
    Artifact("e1/aa/export.csv", 9, "0" * 64, "text/csv", "csv"),
    RunStats(
        3,
        MatchedBy.COUNT,
        3,
        Consistency.SNAPSHOT,
        datetime(2026, 11, 1, tzinfo=UTC),
        (ExportWarning(UnknownCode("W"), "w", 2),),
    ),
)


def unreadable() -> pb2.Job:
    """From an api that knows more than this worker."""
    job = codec.job_to_pb(JOB)
    job.lease_id = "bb"
    job.spec.columns[0].type.kind = 99
    return job


@dataclass
class Server(pb2_grpc.JobQueueServiceServicer):
    """`refuse` is raised by every verb; requests are kept."""

    refuse: ExportdError | None = None
    jobs: list[pb2.Job] = field(default_factory=list)
    heartbeat: pb2.HeartbeatResponse = field(default_factory=pb2.HeartbeatResponse)
    directives: list[pb2.Directive] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)
    endless: bool = False
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def _answer(self, request: Any, context: Any, answer: Any) -> Any:
        self.requests.append(request)
        if self.refuse is not None:
            await context.abort_with_status(status.to_status(self.refuse))
        return answer

    async def LeaseJobs(self, request, context):  # noqa: N802 - gRPC's name
        return await self._answer(request, context, pb2.LeaseJobsResponse(jobs=self.jobs))

    async def Heartbeat(self, request, context):  # noqa: N802 - gRPC's name
        return await self._answer(request, context, self.heartbeat)

    async def CompleteJob(self, request, context):  # noqa: N802 - gRPC's name
        return await self._answer(request, context, pb2.CompleteJobResponse())

    async def FailJob(self, request, context):  # noqa: N802 - gRPC's name
        return await self._answer(request, context, pb2.FailJobResponse())

    async def ReleaseJobs(self, request, context):  # noqa: N802 - gRPC's name
        return await self._answer(request, context, pb2.ReleaseJobsResponse())

    async def WatchDirectives(self, request, context):  # noqa: N802 - gRPC's name
        for directive in self.directives:
            await context.write(directive)
        await self._answer(request, context, None)
        try:
            if self.endless:
                await asyncio.Event().wait()
        finally:
            self.left.set()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def queue(server: Server) -> AsyncIterator[GrpcQueue]:
    running = grpc.aio.server()
    pb2_grpc.add_JobQueueServiceServicer_to_server(server, running)
    port = running.add_insecure_port("127.0.0.1:0")
    await running.start()
    async with connected(f"127.0.0.1:{port}", "worker-1") as queue:
        yield queue
    await running.stop(None)


async def test_leased_jobs_arrive_as_they_were_handed_out(server: Server, queue: GrpcQueue) -> None:
    server.jobs = [codec.job_to_pb(JOB)]
    assert await queue.lease("poll-1", 2, 0.5, CAN) == [JOB]
    (request,) = server.requests
    assert (request.worker_id, request.poll_id, request.max_jobs) == ("worker-1", "poll-1", 2)
    assert request.wait.ToTimedelta() == timedelta(seconds=0.5)
    assert codec.capabilities_from_pb(request.capabilities) == CAN


async def test_a_job_that_cannot_be_read_is_refused_and_the_others_come(server: Server, queue: GrpcQueue) -> None:
    leaseless = codec.job_to_pb(JOB)
    leaseless.lease_id = ""
    server.jobs = [unreadable(), leaseless, codec.job_to_pb(JOB)]
    assert await queue.lease("poll-1", 3, 0, CAN) == [JOB]
    failed = [r for r in server.requests if isinstance(r, pb2.FailJobRequest)]
    assert [(f.lease_id, f.failure.code, f.failure.retryable) for f in failed] == [("bb", "UNREADABLE_JOB", True)]


async def test_a_heartbeat_reports_leases_and_brings_verdicts(server: Server, queue: GrpcQueue) -> None:
    server.heartbeat = pb2.HeartbeatResponse(
        verdicts=[pb2.LeaseVerdict(lease_id="aa", verdict=pb2.LeaseVerdict.VERDICT_CANCELLED)],
        missing_jobs=[unreadable(), codec.job_to_pb(JOB)],
        heartbeat_interval=codec.duration_to_pb(timedelta(seconds=0.25)),
    )
    progress = Progress(Phase.WRITING, 5, 10, 77, timedelta(seconds=3))
    answer = await queue.heartbeat([LeaseReport(LEASE, progress)], 1, draining=True)
    assert answer.verdicts == (LeaseVerdict("aa", Verdict.CANCELLED),)
    assert answer.missing == (JOB,)
    assert answer.next_heartbeat_in == timedelta(seconds=0.25)
    request = server.requests[0]
    assert [codec.report_from_pb(r) for r in request.leases] == [LeaseReport(LEASE, progress)]
    assert (request.free_slots, request.draining) == (1, True)


async def test_outcomes_arrive_as_they_were_reported(server: Server, queue: GrpcQueue) -> None:
    apart = replace(BUILT.artifact, key="e1/l1/attachments.zip")
    await queue.complete(LEASE, replace(BUILT, attachments=apart))
    await queue.fail(LEASE, Failure(FailureCode.DISK_FULL, "no room", retry_after=MINUTE))
    await queue.release([LEASE])
    complete, fail, release = server.requests
    assert codec.artifact_from_pb(complete.artifact) == BUILT.artifact
    assert codec.artifact_from_pb(complete.attachments_artifact) == apart
    assert codec.stats_from_pb(complete.stats) == BUILT.stats
    assert (fail.failure.code, fail.failure.retryable, fail.retry_after.ToTimedelta()) == ("DISK_FULL", True, MINUTE)
    assert [codec.report_from_pb(r).lease for r in release.leases] == [LEASE]


@pytest.mark.parametrize(
    "refusal", [LeaseLost("e1"), JobCancelled("e1"), RowsMissing(3, 2), StoreMismatch("a", "b"), ShuttingDown()]
)
async def test_a_refusal_is_raised_as_what_it_is(server: Server, queue: GrpcQueue, refusal: ExportdError) -> None:
    server.refuse = refusal
    with pytest.raises(type(refusal)) as raised:
        await queue.complete(LEASE, BUILT)
    assert raised.value == refusal


CALLS: list[Callable[[GrpcQueue], Any]] = [
    lambda queue: queue.lease("poll-1", 1, 0, CAN),
    lambda queue: queue.heartbeat([], 1, draining=False),
    lambda queue: queue.complete(LEASE, BUILT),
    lambda queue: anext(queue.directives()),
]


@pytest.mark.parametrize("call", CALLS)
async def test_an_api_that_is_away_is_worth_another_try(call: Callable[[GrpcQueue], Any]) -> None:
    async with connected("127.0.0.1:1", "worker-1") as queue:
        with pytest.raises(QueueUnreachable) as raised:
            await call(queue)
    assert raised.value.code == "UNAVAILABLE"
    assert "127.0.0.1:1" in str(raised.value)
    assert "refused" in raised.value.details.lower()


async def test_hints_come_until_the_api_ends_them(server: Server, queue: GrpcQueue) -> None:
    server.directives = [
        pb2.Directive(ping=Empty()),
        pb2.Directive(cancel=pb2.Directive.Cancel(lease_id="aa")),
        pb2.Directive(),
    ]
    async with aclosing(queue.directives()) as hints:
        seen = [hint async for hint in hints]
    assert seen == [Directive(Hint.PING), Directive(Hint.CANCEL, "aa"), Directive(Hint.PING)]


async def test_a_broken_stream_of_hints_is_worth_another_try(server: Server, queue: GrpcQueue) -> None:
    server.refuse = ShuttingDown()
    with pytest.raises(ShuttingDown):
        await anext(queue.directives())


async def test_a_listener_that_leaves_ends_its_stream(server: Server, queue: GrpcQueue) -> None:
    server.directives = [pb2.Directive(ping=Empty())]
    server.endless = True
    async with aclosing(queue.directives()) as hints:
        await anext(hints)
    await asyncio.wait_for(server.left.wait(), PATIENCE_S)
