"""What the span of a call says: of whose export it is, and how the call ended."""

from collections.abc import Mapping

import grpc

from services.runtime import logs
from services.runtime.tracing.tracer import NOTHING, Span
from services.runtime.tracing.words import Attribute, Value

_FAILURES = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""The codes that are failures of the server; the others are answers to a wrong request."""

_NOTED: Mapping[str, Attribute] = {
    "export_id": Attribute.EXPORT_ID,
    "tenant": Attribute.TENANT,
    "collection": Attribute.COLLECTION,
    "rows": Attribute.ROWS,
    "bytes": Attribute.BYTES,
    "failure": Attribute.ERROR_TYPE,
}
"""Fields of the line of a call in the log that its span has, too. None is free text of a caller."""


def note_call(span: Span, code: str) -> None:
    """Note how a call ended that was not refused, and what its line in the log says."""
    if span is NOTHING:
        return
    fields = {name: value for name, value in logs.bound().items() if name in _NOTED}
    noted: dict[Attribute, Value] = {
        _NOTED[name]: value for name, value in fields.items() if isinstance(value, str | int)
    }
    if code in {"OK", "CANCELLED"}:
        noted[Attribute.RPC_STATUS] = code
    span.note(noted)


def note_refusal(span: Span, code: grpc.StatusCode, reason: str) -> None:
    """Note the status and the reason of a call that was refused."""
    span.note(of_refusal(code, reason))
    if is_failure(code):
        span.fail(reason)


def of_refusal(code: grpc.StatusCode, reason: str) -> dict[Attribute, Value]:
    """Return the attributes of a refusal."""
    return {Attribute.RPC_STATUS: code.name, Attribute.REASON: reason}


def is_failure(code: grpc.StatusCode) -> bool:
    """Tell whether a refusal with this code is a failure of the server, and no answer to a wrong request."""
    return code in _FAILURES
