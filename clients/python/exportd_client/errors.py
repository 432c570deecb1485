"""What can go wrong: one tree of errors, cut by what the caller should do next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from grpc_status import rpc_status

_DOMAIN = "exportd"


@dataclass(frozen=True)
class Violation:
    """One thing that is wrong with a request: the path of the field, and what is wrong with it."""

    field: str
    description: str


class ExportdError(Exception):
    """Any failure of a call.

    code: name of the gRPC status, such as "NOT_FOUND".
    reason: name of the ErrorReason, such as "COLLECTION_NOT_FOUND"; empty when the service itself did not answer.
    metadata: facts that go with the reason, such as {"nearest": "Invoices"}.
    violations: of an INVALID_REQUEST, the first ones that an answer has room for; else empty.
        metadata["violation_count"] says how many there are.
    retry_after: seconds that the service asks to wait; None when it does not say.
    request_id: under which the service's log has the call; empty when the service itself did not answer.
    """

    default_code: ClassVar[str] = "UNKNOWN"

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
        retry_after: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after = retry_after
        self.request_id = request_id

    @property
    def passing(self) -> bool:
        """True when the very same call may succeed a little later."""
        return self.reason == "TOO_MANY_STREAMS"


class InvalidArgument(ExportdError):
    """Change the request; `violations` names the fields."""

    default_code = "INVALID_ARGUMENT"


class AccessRefused(ExportdError):
    """Bring other credentials."""

    default_code = "PERMISSION_DENIED"


class NotFound(ExportdError):
    """The tenant has no such export, file, collection or entity."""

    default_code = "NOT_FOUND"


class AlreadyExists(ExportdError):
    """The request_id was used for another request: choose a new one."""

    default_code = "ALREADY_EXISTS"


class FailedPrecondition(ExportdError):
    """The state of the export does not allow the call; `reason` and `metadata["state"]` say why."""

    default_code = "FAILED_PRECONDITION"


class FileChanged(ExportdError):
    """It is another file than the one that was begun: download again from the start."""

    default_code = "ABORTED"


class FileDamaged(ExportdError):
    """The service no longer has the bytes of the file: export again."""

    default_code = "DATA_LOSS"


class DownloadDamaged(FileDamaged):
    """What arrived is not what the service announced: download again."""


class Exhausted(ExportdError):
    """Wait (`retry_after` seconds, when given) or ask for a larger quota."""

    default_code = "RESOURCE_EXHAUSTED"


class Unavailable(ExportdError):
    """The service answered that it can't now: call again later. Nothing was promised."""

    default_code = "UNAVAILABLE"

    @property
    def passing(self) -> bool:
        return True


class Unreachable(Unavailable):
    """No answer came, or it broke off: nobody listens, or the network is down. What was asked may have been done."""


class DeadlineExceeded(ExportdError):
    """The caller's own time for waiting is over. The export goes on: wait again, or look later."""

    default_code = "DEADLINE_EXCEEDED"


class InternalError(ExportdError):
    """A defect of the service: report it with `metadata["reference"]`."""

    default_code = "INTERNAL"


_BY_CODE: Mapping[grpc.StatusCode, type[ExportdError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.OUT_OF_RANGE: InvalidArgument,
    grpc.StatusCode.UNAUTHENTICATED: AccessRefused,
    grpc.StatusCode.PERMISSION_DENIED: AccessRefused,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.ABORTED: FileChanged,
    grpc.StatusCode.DATA_LOSS: FileDamaged,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Exhausted,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
}
# With these and without a reason it was the transport that spoke: CANCELLED is a stream that the other side dropped.
_OF_TRANSPORT = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}


@dataclass
class _Details:
    reason: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()
    retry_after: float | None = None
    request_id: str = ""


def from_rpc(error: grpc.RpcError, target: str) -> ExportdError:
    """The typed error of a failed call to `target`, with all that google.rpc.Status tells."""
    call: Any = error  # it has what a Call has: code, details, trailing metadata
    details, code, text = _details(call), call.code(), call.details()
    if not details.reason and _is_of_transport(code, text):
        return Unreachable(f"no answer from exportd at {target}: {text}", code=code.name)
    return _BY_CODE.get(code, InternalError)(text or code.name, code=code.name, **vars(details))


def _is_of_transport(code: grpc.StatusCode, text: str | None) -> bool:
    # gRPC reports a stream that HTTP/2 reset as INTERNAL; only the text tells it from a defect.
    return code in _OF_TRANSPORT or "RST_STREAM" in (text or "")


def _details(call: grpc.Call) -> _Details:
    details = _Details()
    for packed in _packed_details(call):
        _unpack(packed, details)
    return details


def _packed_details(call: grpc.Call) -> Sequence[Any]:
    try:
        status = rpc_status.from_call(call)
    except ValueError:  # a status that contradicts the call's: not one of exportd's
        return ()
    return status.details if status is not None else ()


def _unpack(packed: Any, details: _Details) -> None:
    info, bad, retry, call = ErrorInfo(), BadRequest(), RetryInfo(), RequestInfo()
    if packed.Unpack(info) and info.domain == _DOMAIN:
        details.reason, details.metadata = info.reason, dict(info.metadata)
    elif packed.Unpack(bad):
        details.violations = tuple(Violation(one.field, one.description) for one in bad.field_violations)
    elif packed.Unpack(retry):
        details.retry_after = retry.retry_delay.ToTimedelta().total_seconds()
    elif packed.Unpack(call):
        details.request_id = call.request_id
