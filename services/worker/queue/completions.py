"""Completions of jobs on their way to the api.

What gathers while a call is under way goes into the next one together, and the next poll with it. A completion alone
goes at once.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc

from exportd.queue.v1 import job_queue_service_pb2 as pb2
from services.contract import status
from services.contract.errors import ExportdError
from services.worker.queue.unreachable import QueueUnreachable, translated

MAX_JOBS = 16
MAX_CALL_BYTES = 1 << 20
"""A call has no further completion when its completions reach this size."""

MAX_SMALL_BYTES = 1 << 20
"""A larger file is completed by a call of its own, since the api reads it first, and the others would wait for that."""

OUTCOME_S = 15.0
"""Time limit of a call that reports outcomes."""

_TURNS = 8
"""Turns of the event loop that a completion waits for the poll of the slot that it frees. They take no time."""

Metadata = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Completion:
    """A completion, the metadata that its attempt would send it with, and what the api says of it."""

    request: pb2.CompleteJobRequest
    metadata: Metadata
    outcome: "asyncio.Future[pb2.JobOutcome | None]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


@dataclass(slots=True)
class _Poll:
    request: pb2.NextPoll
    jobs: "asyncio.Future[Sequence[pb2.Job]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Completions:
    """Sends completions of the worker `worker_id`, one call after the other.

    An api that does not know CompleteJobs gets each by CompleteJob. `unclaimed` is called with jobs that nobody waits
    for any more.
    """

    def __init__(self, stub: Any, worker_id: str, unclaimed: Callable[[Sequence[pb2.Job]], None]) -> None:
        """`stub` is the JobQueueServiceStub of a channel of grpc.aio."""
        self._stub = stub
        self._worker_id = worker_id
        self._unclaimed = unclaimed
        self._waiting: list[_Completion] = []
        self._poll: _Poll | None = None
        self._sending: asyncio.Task[None] | None = None
        self._api_is_old = False

    def try_together(self) -> None:
        """Use CompleteJobs from now on: there may be another api."""
        self._api_is_old = False

    async def complete(self, request: pb2.CompleteJobRequest, metadata: Metadata) -> None:
        """Complete one job. Raises the error with which CompleteJob would end."""
        if self._api_is_old or request.artifact.size_bytes > MAX_SMALL_BYTES:
            await self._alone(request, metadata)
            return
        completion = _Completion(request, metadata)
        self._waiting.append(completion)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all())
        outcome = await completion.outcome
        if outcome is None:
            await self._alone(request, metadata)
        elif outcome.reason:
            raise _error_of(outcome)

    async def poll_along(self, request: pb2.NextPoll) -> Sequence[pb2.Job]:
        """Poll with the completions that are about to go. No jobs if there are none, or if the call fails."""
        if not self._waiting or self._poll is not None:
            return ()
        self._poll = _Poll(request)
        return await self._poll.jobs

    def close(self) -> None:
        """End what is under way. Nobody waits for it any more."""
        if self._sending is not None:
            self._sending.cancel()

    async def _alone(self, request: pb2.CompleteJobRequest, metadata: Metadata) -> None:
        with translated():
            await self._stub.CompleteJob(request, timeout=OUTCOME_S, metadata=metadata)

    async def _send_all(self) -> None:
        while self._waiting:
            for _ in range(_TURNS):
                if self._poll is None:
                    await asyncio.sleep(0)
            poll, self._poll = self._poll, None
            await self._send(self._taken(), poll if poll and not poll.jobs.done() else None)

    def _taken(self) -> list[_Completion]:
        """Take the first completions that fit into a call."""
        count = size = 0
        while count < min(len(self._waiting), MAX_JOBS) and size < MAX_CALL_BYTES:
            size += self._waiting[count].request.ByteSize()
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    async def _send(self, some: Sequence[_Completion], poll: _Poll | None) -> None:
        request = pb2.CompleteJobsRequest(
            worker_id=self._worker_id, jobs=[each.request for each in some], next=poll.request if poll else None
        )
        jobs: Sequence[pb2.Job] = ()
        try:
            with translated():
                answer = await self._stub.CompleteJobs(request, timeout=OUTCOME_S, metadata=some[0].metadata)
            jobs = answer.jobs
            _answer(some, answer.outcomes)
        except QueueUnreachable as failed:
            self._api_is_old = failed.code == grpc.StatusCode.UNIMPLEMENTED.name
            _fail(some, failed, again_alone=self._api_is_old)
        except Exception as failed:  # noqa: BLE001 - whoever waits must be told, whatever it is
            _fail(some, failed)
        finally:
            self._hand_out(jobs, poll)

    def _hand_out(self, jobs: Sequence[pb2.Job], poll: _Poll | None) -> None:
        if poll is not None and not poll.jobs.done():
            poll.jobs.set_result(jobs)
        elif jobs:
            self._unclaimed(jobs)


def _answer(some: Sequence[_Completion], outcomes: Sequence[pb2.JobOutcome]) -> None:
    if len(outcomes) != len(some):
        raise QueueUnreachable("UNREADABLE", f"the api gave {len(outcomes)} outcomes of {len(some)} jobs")
    for completion, outcome in zip(some, outcomes, strict=True):
        if not completion.outcome.done():
            completion.outcome.set_result(outcome)


def _fail(some: Sequence[_Completion], error: Exception, *, again_alone: bool = False) -> None:
    for completion in some:
        if completion.outcome.done():
            continue
        if again_alone:
            completion.outcome.set_result(None)
        else:
            completion.outcome.set_exception(error)


def _error_of(outcome: pb2.JobOutcome) -> ExportdError:
    known = status.from_reason(outcome.reason, outcome.message, outcome.metadata)
    return known or QueueUnreachable(outcome.reason, outcome.message)
