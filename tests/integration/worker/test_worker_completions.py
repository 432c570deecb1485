"""Completions over gRPC: what gathers goes together, each with an outcome of its own, to apis of any version."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from exportd.queue.v1 import job_queue_service_pb2 as pb2
from exportd.queue.v1 import job_queue_service_pb2_grpc as pb2_grpc
from services.contract import codec
from services.contract.errors import JobCancelled, LeaseLost
from services.contract.job import LeaseRef
from services.worker.queue.completions import MAX_CALL_BYTES, MAX_JOBS, MAX_SMALL_BYTES
from services.worker.queue.grpc_queue import GrpcQueue, QueueUnreachable, connected
from tests.integration.worker.test_worker_grpc_queue import BUILT, CAN, JOB
from tests.patience import PATIENCE_S


@dataclass
class Server(pb2_grpc.JobQueueServiceServicer):
    """Keeps requests. `reasons` are the outcomes of leases; a call is answered when `may_answer` is set."""

    reasons: dict[str, str] = field(default_factory=dict)
    jobs: list[pb2.Job] = field(default_factory=list)
    old: bool = False
    broken: bool = False
    forgetful: bool = False
    together: list[pb2.CompleteJobsRequest] = field(default_factory=list)
    alone: list[pb2.CompleteJobRequest] = field(default_factory=list)
    polls: list[pb2.LeaseJobsRequest] = field(default_factory=list)
    released: asyncio.Queue[pb2.ReleaseJobsRequest] = field(default_factory=asyncio.Queue)
    arrived: asyncio.Queue[pb2.CompleteJobsRequest] = field(default_factory=asyncio.Queue)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def CompleteJobs(self, request: pb2.CompleteJobsRequest, context: Any) -> pb2.CompleteJobsResponse:  # noqa: N802 - gRPC's name
        self.together.append(request)
        if self.old:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        self.arrived.put_nowait(request)
        await self.may_answer.wait()
        if self.broken:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        outcomes = [self._outcome(job) for job in request.jobs][int(self.forgetful) :]
        return pb2.CompleteJobsResponse(outcomes=outcomes, jobs=self.jobs if request.HasField("next") else [])

    def _outcome(self, job: pb2.CompleteJobRequest) -> pb2.JobOutcome:
        reason = self.reasons.get(job.lease_id, "")
        return pb2.JobOutcome(reason=reason, message="why", metadata={"export_id": job.export_id} if reason else {})

    async def CompleteJob(self, request: pb2.CompleteJobRequest, _: Any) -> pb2.CompleteJobResponse:  # noqa: N802 - gRPC's name
        self.alone.append(request)
        return pb2.CompleteJobResponse()

    async def LeaseJobs(self, request: pb2.LeaseJobsRequest, _: Any) -> pb2.LeaseJobsResponse:  # noqa: N802 - gRPC's name
        self.polls.append(request)
        return pb2.LeaseJobsResponse(jobs=self.jobs)

    async def ReleaseJobs(self, request: pb2.ReleaseJobsRequest, _: Any) -> pb2.ReleaseJobsResponse:  # noqa: N802 - gRPC's name
        self.released.put_nowait(request)
        return pb2.ReleaseJobsResponse()

    async def WatchDirectives(self, _: pb2.WatchDirectivesRequest, context: Any) -> None:  # type: ignore[override]  # noqa: N802
        await context.write(pb2.Directive(ping=Empty()))


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


def completing(queue: GrpcQueue, *leases: str, size_bytes: int = 9) -> list[asyncio.Task[None]]:
    built = replace(BUILT, artifact=replace(BUILT.artifact, size_bytes=size_bytes))
    return [asyncio.create_task(queue.complete(LeaseRef("e1", lease), built)) for lease in leases]


def leases_of(requests: list[pb2.CompleteJobsRequest]) -> list[list[str]]:
    return [[job.lease_id for job in request.jobs] for request in requests]


async def settled(tasks: list[asyncio.Task[None]]) -> list[BaseException | None]:
    async with asyncio.timeout(PATIENCE_S):
        return list(await asyncio.gather(*tasks, return_exceptions=True))


async def test_what_gathers_while_a_call_is_under_way_goes_into_the_next_one(server: Server, queue: GrpcQueue) -> None:
    tasks = completing(queue, "aa")
    await server.arrived.get()
    tasks += completing(queue, "bb", "cc", "dd")
    await asyncio.sleep(0)
    server.may_answer.set()
    assert await settled(tasks) == [None] * 4
    assert leases_of(server.together) == [["aa"], ["bb", "cc", "dd"]]
    assert {request.worker_id for request in server.together} == {"worker-1"}
    assert codec.artifact_from_pb(server.together[0].jobs[0].artifact) == BUILT.artifact


async def test_each_has_its_own_outcome(server: Server, queue: GrpcQueue) -> None:
    server.reasons = {"bb": "LEASE_LOST", "cc": "JOB_CANCELLED", "dd": "OF_A_LATER_VERSION"}
    server.may_answer.set()
    done, *others = await settled(completing(queue, "aa", "bb", "cc", "dd"))
    assert leases_of(server.together) == [["aa", "bb", "cc", "dd"]]
    assert done is None
    assert others == [LeaseLost("e1"), JobCancelled("e1"), QueueUnreachable("OF_A_LATER_VERSION", "why")]


async def test_no_call_has_more_than_may_be_in_it(server: Server, queue: GrpcQueue) -> None:
    server.may_answer.set()
    names = [f"{n:02}" for n in range(MAX_JOBS + 3)]
    await settled(completing(queue, *names))
    assert leases_of(server.together) == [names[:MAX_JOBS], names[MAX_JOBS:]]


async def test_no_call_is_larger_than_it_may_be(server: Server, queue: GrpcQueue) -> None:
    server.may_answer.set()
    wide = replace(BUILT, artifact=replace(BUILT.artifact, key="k" * MAX_CALL_BYTES))
    await settled([asyncio.create_task(queue.complete(LeaseRef("e1", lease), wide)) for lease in ("aa", "bb")])
    assert leases_of(server.together) == [["aa"], ["bb"]]


async def test_the_next_poll_goes_along(server: Server, queue: GrpcQueue) -> None:
    server.jobs = [codec.job_to_pb(JOB)]
    server.may_answer.set()
    tasks = completing(queue, "aa")
    await asyncio.sleep(0)
    assert await queue.lease("poll-1", 2, 0.5, CAN) == [JOB]
    assert await settled(tasks) == [None]
    (request,) = server.together
    assert (request.next.poll_id, request.next.max_jobs) == ("poll-1", 2)
    assert codec.capabilities_from_pb(request.next.capabilities) == CAN
    assert server.polls == []


async def test_a_poll_that_brought_nothing_waits_under_the_same_id(server: Server, queue: GrpcQueue) -> None:
    server.may_answer.set()
    tasks = completing(queue, "aa")
    await asyncio.sleep(0)
    assert await queue.lease("poll-1", 2, 0.5, CAN) == []
    await settled(tasks)
    assert server.together[0].HasField("next")
    assert [(poll.poll_id, poll.max_jobs) for poll in server.polls] == [("poll-1", 2)]


async def test_without_a_completion_a_poll_goes_alone(server: Server, queue: GrpcQueue) -> None:
    server.jobs = [codec.job_to_pb(JOB)]
    assert await queue.lease("poll-1", 2, 0.5, CAN) == [JOB]
    assert (server.together, len(server.polls)) == ([], 1)


async def test_a_call_that_breaks_is_told_to_all_and_the_poll_is_repeated(server: Server, queue: GrpcQueue) -> None:
    server.broken = True
    server.jobs = [codec.job_to_pb(JOB)]
    server.may_answer.set()
    tasks = completing(queue, "aa", "bb")
    await asyncio.sleep(0)
    assert await queue.lease("poll-1", 2, 0.5, CAN) == [JOB]
    assert [poll.poll_id for poll in server.polls] == ["poll-1"]
    for failed in await settled(tasks):
        assert isinstance(failed, QueueUnreachable)
        assert failed.code == "UNAVAILABLE"
    server.broken = False
    assert await settled(completing(queue, "aa", "bb")) == [None, None]


async def test_an_answer_that_lacks_an_outcome_counts_for_nobody(server: Server, queue: GrpcQueue) -> None:
    server.forgetful = True
    server.may_answer.set()
    failures = await settled(completing(queue, "aa", "bb"))
    assert [type(failed) for failed in failures] == [QueueUnreachable, QueueUnreachable]


async def test_an_api_that_does_not_know_the_call_gets_each_alone(server: Server, queue: GrpcQueue) -> None:
    server.old = True
    assert await settled(completing(queue, "aa", "bb")) == [None, None]
    assert await settled(completing(queue, "cc")) == [None]
    assert leases_of(server.together) == [["aa", "bb"]]
    assert [request.lease_id for request in server.alone] == ["aa", "bb", "cc"]


async def test_a_poll_beside_an_old_api_comes_to_it_by_itself(server: Server, queue: GrpcQueue) -> None:
    server.old = True
    server.jobs = [codec.job_to_pb(JOB)]
    tasks = completing(queue, "aa")
    await asyncio.sleep(0)
    assert await queue.lease("poll-1", 2, 0.5, CAN) == [JOB]
    assert await settled(tasks) == [None]
    assert [poll.poll_id for poll in server.polls] == ["poll-1"]


async def test_an_api_that_was_replaced_is_asked_again(server: Server, queue: GrpcQueue) -> None:
    server.old = True
    await settled(completing(queue, "aa"))
    server.old = False
    server.may_answer.set()
    async with aclosing(queue.directives()) as hints:
        await anext(hints)
    assert await settled(completing(queue, "bb")) == [None]
    assert leases_of(server.together) == [["aa"], ["bb"]]


async def test_jobs_that_nobody_waits_for_are_given_back(server: Server, queue: GrpcQueue) -> None:
    server.jobs = [codec.job_to_pb(JOB)]
    tasks = completing(queue, "aa")
    await asyncio.sleep(0)
    polling = asyncio.create_task(queue.lease("poll-1", 2, 0.5, CAN))
    await server.arrived.get()
    polling.cancel()
    await asyncio.wait({polling})
    server.may_answer.set()
    assert await settled(tasks) == [None]
    async with asyncio.timeout(PATIENCE_S):
        released = await server.released.get()
    assert [report.lease_id for report in released.leases] == [JOB.lease.lease_id]


async def test_a_caller_that_leaves_does_not_disturb_the_others(server: Server, queue: GrpcQueue) -> None:
    left, stays = completing(queue, "aa", "bb")
    await server.arrived.get()
    left.cancel()
    server.may_answer.set()
    assert await settled([stays]) == [None]
    assert await settled(completing(queue, "cc")) == [None]


async def test_a_large_file_does_not_hold_up_small_ones(server: Server, queue: GrpcQueue) -> None:
    assert await settled(completing(queue, "aa", size_bytes=MAX_SMALL_BYTES + 1)) == [None]
    assert ([request.lease_id for request in server.alone], server.together) == (["aa"], [])
