"""Conversion between errors of the contract and gRPC statuses, with one table for both directions."""

import typing
from collections.abc import Sequence
from dataclasses import fields

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from services.contract import errors

DOMAIN = "exportd"

MAX_MESSAGE_BYTES = 700
"""Limit of a message. A status is sent in HTTP/2 headers, of which clients accept 8 KiB in total.

The message is sent twice: as it is, where each byte beyond ASCII takes three bytes, and in the details, where three
bytes take four.
"""

MAX_VALUE_BYTES = 600
"""Limit of one value of ErrorInfo's metadata."""

MAX_VIOLATION_BYTES = 2800
"""Limit of all violations together."""

MAX_SUBJECT_BYTES = 100
"""Limit of the name of a quota."""

MAX_FIELD_BYTES = 200
MAX_DESCRIPTION_BYTES = 600
"""Limits of one violation."""

CODES: dict[type[errors.ExportdError], int] = {
    errors.InvalidRequest: code_pb2.INVALID_ARGUMENT,
    errors.RequestIdReused: code_pb2.ALREADY_EXISTS,
    errors.OffsetOutOfRange: code_pb2.OUT_OF_RANGE,
    errors.ExportNotFound: code_pb2.NOT_FOUND,
    errors.FileNotFound: code_pb2.NOT_FOUND,
    errors.CollectionNotFound: code_pb2.NOT_FOUND,
    errors.ExportDeleted: code_pb2.NOT_FOUND,
    errors.IllegalTransition: code_pb2.FAILED_PRECONDITION,
    errors.NotQueued: code_pb2.FAILED_PRECONDITION,
    errors.ExportNotReady: code_pb2.FAILED_PRECONDITION,
    errors.ExportCancelled: code_pb2.FAILED_PRECONDITION,
    errors.FileExpired: code_pb2.FAILED_PRECONDITION,
    errors.DownloadUrlUnsupported: code_pb2.FAILED_PRECONDITION,
    errors.PasswordRequired: code_pb2.FAILED_PRECONDITION,
    errors.DeliveryNotFound: code_pb2.NOT_FOUND,
    errors.WorkerNotFound: code_pb2.NOT_FOUND,
    errors.KeyNotFound: code_pb2.NOT_FOUND,
    errors.LinkNotFound: code_pb2.NOT_FOUND,
    errors.BadCredentials: code_pb2.UNAUTHENTICATED,
    errors.TokenInvalid: code_pb2.UNAUTHENTICATED,
    errors.TokenExpired: code_pb2.UNAUTHENTICATED,
    errors.TokenNotYetValid: code_pb2.UNAUTHENTICATED,
    errors.TokenWrongIssuer: code_pb2.UNAUTHENTICATED,
    errors.TokenWrongAudience: code_pb2.UNAUTHENTICATED,
    errors.TokenClaimUnusable: code_pb2.PERMISSION_DENIED,
    errors.ProviderUnavailable: code_pb2.UNAVAILABLE,
    errors.ScopeMissing: code_pb2.PERMISSION_DENIED,
    errors.WorkerForbidden: code_pb2.PERMISSION_DENIED,
    errors.LeaseLost: code_pb2.FAILED_PRECONDITION,
    errors.JobCancelled: code_pb2.FAILED_PRECONDITION,
    errors.RowsMissing: code_pb2.FAILED_PRECONDITION,
    errors.StoreMismatch: code_pb2.FAILED_PRECONDITION,
    errors.FileChanged: code_pb2.ABORTED,
    errors.TooManyStreams: code_pb2.RESOURCE_EXHAUSTED,
    errors.TooManyLinkTries: code_pb2.RESOURCE_EXHAUSTED,
    errors.QuotaExceeded: code_pb2.RESOURCE_EXHAUSTED,
    errors.ReaderStalled: code_pb2.UNAVAILABLE,
    errors.NoWorker: code_pb2.UNAVAILABLE,
    errors.PreviewFailed: code_pb2.FAILED_PRECONDITION,
    errors.ShuttingDown: code_pb2.UNAVAILABLE,
    errors.StoreUnavailable: code_pb2.UNAVAILABLE,
    errors.Overloaded: code_pb2.UNAVAILABLE,
    errors.FileDamaged: code_pb2.DATA_LOSS,
    errors.Internal: code_pb2.INTERNAL,
}

BY_REASON = {error.reason: error for error in CODES}


def to_status(error: errors.ExportdError, request_id: str = "") -> grpc.Status:
    """Return the status of `error`: its code, its message, ErrorInfo, and BadRequest or RetryInfo where they apply.

    With a `request_id`, add RequestInfo; the log has the call under this id.
    """
    metadata = cut_metadata(error)
    details: list[typing.Any] = [error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)]
    if request_id:
        details.append(error_details_pb2.RequestInfo(request_id=request_id))
    message = cut(str(error), MAX_MESSAGE_BYTES)
    rich = status_pb2.Status(code=CODES[type(error)], message=message, details=_packed([*details, *_extra(error)]))
    return _paced(rpc_status.to_status(rich), error)


def code_of(error: errors.ExportdError) -> grpc.StatusCode:
    """Return the code of the status with which a call ends that is refused with this error."""
    return grpc.StatusCode[code_pb2.Code.Name(CODES[type(error)])]


def _paced(status: grpc.Status, error: errors.ExportdError) -> grpc.Status:
    """Add the delay to the trailing metadata.

    Channels that retry on their own ignore RetryInfo, but wait for this delay.
    """
    if not isinstance(error, errors.TryAgain):
        return status
    if not error.retry_after_s:  # a channel that retries on its own must not
        trailing = (*status.trailing_metadata, ("grpc-retry-pushback-ms", "-1"))
        return status._replace(trailing_metadata=trailing)  # type: ignore[attr-defined,no-any-return]
    pushback = ("grpc-retry-pushback-ms", str(round(error.retry_after_s * 1000)))
    trailing = (*status.trailing_metadata, pushback)
    paced: grpc.Status = status._replace(trailing_metadata=trailing)  # type: ignore[attr-defined]  # a namedtuple
    return paced


def cut_metadata(error: errors.ExportdError) -> dict[str, str]:
    """Return the metadata of an error for an answer."""
    return {name: cut(value, MAX_VALUE_BYTES) for name, value in error.metadata.items()}


def cut(text: str, most: int) -> str:
    """Cut a text to `most` bytes of UTF-8, so that an answer repeats only part of what a caller sent."""
    data = text.encode(errors="replace")
    return text if len(data) <= most else data[: most - len("…".encode())].decode(errors="ignore") + "…"


def from_call(failed: grpc.aio.AioRpcError) -> errors.ExportdError | None:
    """Return the error that a failed call carries.

    None when it did not come from exportd, as for a broken connection.
    """
    rich = rpc_status.from_call(failed)  # type: ignore[arg-type]  # the stub has only the synchronous call
    info = error_details_pb2.ErrorInfo()
    if rich is None or not any(d.Unpack(info) for d in rich.details) or info.domain != DOMAIN:
        return None
    kind = BY_REASON.get(info.reason)
    return _rebuilt(kind, info, rich.details) if kind else None


def from_reason(reason: str, message: str, metadata: typing.Mapping[str, str]) -> errors.ExportdError | None:
    """Return the error with this reason, message and metadata. None for a reason that this version does not know."""
    kind = BY_REASON.get(reason)
    if kind is errors.InvalidRequest:
        return errors.InvalidRequest((errors.Violation("", message),))
    return _with_values(kind, metadata) if kind else None


def _extra(error: errors.ExportdError) -> list[typing.Any]:
    if isinstance(error, errors.QuotaExceeded):
        failure = error_details_pb2.QuotaFailure()
        failure.violations.add(
            subject=cut(error.quota, MAX_SUBJECT_BYTES), description=f"{error.used} of {error.limit} are used"
        )
        return [failure, *_retry_info(error)]
    return _other_extra(error)


def _other_extra(error: errors.ExportdError) -> list[typing.Any]:
    if isinstance(error, errors.InvalidRequest):
        return [error_details_pb2.BadRequest(field_violations=_field_violations(error.violations))]
    return _retry_info(error) if isinstance(error, errors.TryAgain) else []


def _retry_info(error: errors.TryAgain) -> list[typing.Any]:
    """Return nothing if nobody knows whether waiting helps."""
    if not error.retry_after_s:
        return []
    delay = Duration(nanos=int(error.retry_after_s * 1e9) % 1_000_000_000, seconds=int(error.retry_after_s))
    return [error_details_pb2.RetryInfo(retry_delay=delay)]


def _field_violations(violations: Sequence[errors.Violation]) -> list[error_details_pb2.BadRequest.FieldViolation]:
    """Return as many violations as fit into the headers that every client accepts."""
    fields: list[error_details_pb2.BadRequest.FieldViolation] = []
    room = MAX_VIOLATION_BYTES
    for violation in violations:
        field = error_details_pb2.BadRequest.FieldViolation(
            field=cut(violation.field, MAX_FIELD_BYTES), description=cut(violation.description, MAX_DESCRIPTION_BYTES)
        )
        room -= field.ByteSize()
        if room < 0:
            break
        fields.append(field)
    return fields


def _packed(details: Sequence[typing.Any]) -> list[any_pb2.Any]:
    packed = [any_pb2.Any() for _ in details]
    for box, detail in zip(packed, details, strict=True):
        box.Pack(detail)
    return packed


def _rebuilt(
    kind: type[errors.ExportdError], info: error_details_pb2.ErrorInfo, details: Sequence[any_pb2.Any]
) -> errors.ExportdError:
    if kind is errors.InvalidRequest:
        return errors.InvalidRequest(_violations(details))
    return _with_values(kind, info.metadata)


def _with_values(kind: type[errors.ExportdError], metadata: typing.Mapping[str, str]) -> errors.ExportdError:
    types = typing.get_type_hints(kind)
    values = {f.name: types[f.name](metadata.get(f.name, types[f.name]())) for f in fields(kind)}  # type: ignore[arg-type]
    return kind(**values)


def _violations(details: Sequence[any_pb2.Any]) -> tuple[errors.Violation, ...]:
    bad = error_details_pb2.BadRequest()
    for detail in details:
        detail.Unpack(bad)
    return tuple(errors.Violation(v.field, v.description) for v in bad.field_violations)
