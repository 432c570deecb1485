"""CompleteJobs: each job of the call is completed for itself, has its own outcome, and a span in its own trace."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from services.api.rpc.queue.fields import check
from services.api.rpc.queue.parse import built_of
from services.api.rpc.refusals import refusal_of
from services.api.rpc.tracing.calls import is_failure, of_refusal
from services.api.usecases.jobs import Inspected, Jobs
from services.api.usecases.traces import nanoseconds
from services.contract import status
from services.contract.errors import ExportdError, InvalidRequest
from services.contract.job import LeaseRef
from services.runtime import logs
from services.runtime.tracing.context import carried
from services.runtime.tracing.tracer import Tracer
from services.runtime.tracing.words import Attribute, SpanName, Value

T = TypeVar("T")


class Completions:
    """Completes the jobs of a call, all at the same time."""

    def __init__(self, jobs: Jobs, clock: Callable[[], datetime], tracer: Tracer) -> None:
        self._jobs = jobs
        self._clock = clock
        self._tracer = tracer

    async def inspected(self, requests: Sequence[queue_pb2.CompleteJobRequest]) -> list[Inspected | ExportdError]:
        """Look at the file of each job. Return for each what was found, or why it was refused."""
        return await outcomes_of([self._inspected(request) for request in requests])

    async def published(self, inspecting: Awaitable[Sequence[Inspected | ExportdError]]) -> list[ExportdError | None]:
        """Complete what could be inspected. Return for each job why it was refused; None if it was not."""
        inspected = await inspecting
        ready = [each for each in inspected if isinstance(each, Inspected)]
        published = iter(await outcomes_of([self._jobs.publish(each) for each in ready]))
        return [next(published) if isinstance(each, Inspected) else each for each in inspected]

    def trace(
        self,
        requests: Sequence[queue_pb2.CompleteJobRequest],
        outcomes: Sequence[ExportdError | None],
        began: datetime,
    ) -> None:
        """Record for each job that has a trace how it ended just now."""
        times = nanoseconds(began), nanoseconds(self._clock())
        for request, refused in zip(requests, outcomes, strict=True):
            if parent := carried(request.traceparent):
                code = status.code_of(refused) if refused else None
                failed = refused.reason if refused and code and is_failure(code) else ""
                attributes = _attributes(request, refused)
                self._tracer.past(SpanName.COMPLETE, parent, *times, attributes, failed)

    async def _inspected(self, request: queue_pb2.CompleteJobRequest) -> Inspected:
        check(request)
        return await self._jobs.inspected(LeaseRef(request.export_id, request.lease_id), built_of(request))


def _attributes(request: queue_pb2.CompleteJobRequest, refused: ExportdError | None) -> dict[Attribute, Value]:
    """Return what the span says. Of a request that is refused itself, no field is repeated."""
    if isinstance(refused, InvalidRequest):
        return of_refusal(status.code_of(refused), refused.reason)
    return {
        Attribute.EXPORT_ID: request.export_id,
        Attribute.ROWS: request.stats.rows_written,
        Attribute.BYTES: request.artifact.size_bytes,
        **(of_refusal(status.code_of(refused), refused.reason) if refused else {}),
    }


async def outcomes_of(works: Sequence[Awaitable[T]]) -> list[T | ExportdError]:
    """Do all work at the same time. Return the result of each item, or why it was refused.

    A defect in one item is the refusal of that item.
    """
    done = await asyncio.gather(*works, return_exceptions=True)
    request_id = str(logs.bound().get("request_id", ""))
    return [refusal_of(each, request_id) if isinstance(each, BaseException) else each for each in done]


def outcome_to_pb(refused: ExportdError | None) -> queue_pb2.JobOutcome:
    """Return an outcome as a message."""
    if refused is None:
        return queue_pb2.JobOutcome()
    message = status.cut(str(refused), status.MAX_MESSAGE_BYTES)
    return queue_pb2.JobOutcome(reason=refused.reason, message=message, metadata=status.cut_metadata(refused))
