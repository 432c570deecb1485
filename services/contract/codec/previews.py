"""Conversion of previews and their answers."""

from datetime import timedelta

from google.protobuf.message import DecodeError

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from services.contract import outcome, preview
from services.contract.codec.outcomes import failure_from_pb, failure_to_pb, warnings_from_pb, warnings_to_pb
from services.contract.codec.scalars import duration_to_pb
from services.contract.codec.specs import spec_from_pb, spec_to_pb


def preview_to_pb(request: preview.Preview) -> queue_pb2.Preview:
    return queue_pb2.Preview(
        id=request.id,
        spec=spec_to_pb(request.spec),
        max_rows=request.rows,
        timeout=duration_to_pb(timedelta(seconds=preview.PREVIEW_S)),
    )


def preview_from_pb(message: queue_pb2.Preview) -> preview.Preview:
    """Raises ValueError for anything that this version does not know."""
    return preview.Preview(message.id, spec_from_pb(message.spec), message.max_rows)


def preview_answer_to_pb(
    preview_id: str, answer: preview.Previewed | outcome.Failure
) -> queue_pb2.FinishPreviewRequest:
    if isinstance(answer, outcome.Failure):
        return queue_pb2.FinishPreviewRequest(preview_id=preview_id, failure=failure_to_pb(answer))
    return queue_pb2.FinishPreviewRequest(
        preview_id=preview_id, rows=answer.rows, rows_total=answer.rows_total, warnings=warnings_to_pb(answer.warnings)
    )


def preview_answer_from_pb(message: queue_pb2.FinishPreviewRequest) -> preview.Previewed | outcome.Failure:
    if message.HasField("failure"):
        return failure_from_pb(message.failure)
    return preview.Previewed(tuple(message.rows), message.rows_total, warnings_from_pb(message.warnings))


def preview_answer_to_bytes(preview_id: str, answer: preview.Previewed | outcome.Failure) -> bytes:
    """Return the stored form of an answer."""
    return preview_answer_to_pb(preview_id, answer).SerializeToString()


def preview_answer_from_bytes(stored: bytes) -> preview.Previewed | outcome.Failure:
    """Read a stored answer. Raises ValueError for values that this version does not know."""
    try:
        return preview_answer_from_pb(queue_pb2.FinishPreviewRequest.FromString(stored))
    except DecodeError as damaged:
        raise ValueError("no answer") from damaged
