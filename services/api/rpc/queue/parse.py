"""Parts of workers' requests, read."""

from collections.abc import Callable
from typing import TypeVar

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from services.contract import codec
from services.contract.errors import InvalidRequest, Violation
from services.contract.outcome import Built

M = TypeVar("M")
T = TypeVar("T")


def known(field: str, parse: Callable[[M], T], message: M) -> T:
    """Parse a part of a request. Raises InvalidRequest for values that this version does not know."""
    try:
        return parse(message)
    except (ValueError, OverflowError) as unknown:
        raise InvalidRequest((Violation(field, str(unknown)),)) from None


def built_of(request: queue_pb2.CompleteJobRequest) -> Built:
    """Return what a completion says was built. Raises InvalidRequest."""
    separate = request.attachments_artifact if request.HasField("attachments_artifact") else None
    return Built(
        artifact=codec.artifact_from_pb(request.artifact),
        stats=known("stats", codec.stats_from_pb, request.stats),
        attachments=codec.artifact_from_pb(separate) if separate else None,
    )
