"""The errors of the client: one tree, divided by what the caller should do next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpc_status import rpc_status

_DOMAIN = "exportd"


@dataclass(frozen=True)
class Violation:
    """One mistake in a request: the path of the field, and a description."""

    field: str
    description: str


class ExportdError(Exception):
    """Any failure of a call.

    code: name of the gRPC status, such as "NOT_FOUND".
    reason: name of the ErrorReason, such as "COLLECTION_NOT_FOUND"; empty if the answer did not come from the service.
    metadata: facts that belong to the reason, such as {"nearest": "Invoices"}.
    violations: the violations of an INVALID_REQUEST, as many as the answer has room for; otherwise empty.
        metadata["violation_count"] is their total number.
    retry_after: seconds that the service asks the caller to wait; None if it does not say.
    request_id: the id that was sent with the call, under which the service's log has it if it arrived; empty if no call
        was made.
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
        """Whether the same call may succeed a little later."""
        return self.reason == "TOO_MANY_STREAMS"


class InvalidArgument(ExportdError):
    """The request is wrong: change it. `violations` names the fields."""

    default_code = "INVALID_ARGUMENT"


class AccessRefused(ExportdError):
    """The credentials are missing or not sufficient: use others."""

    default_code = "PERMISSION_DENIED"


class NotFound(ExportdError):
    """The tenant has no such export, file, collection or entity."""

    default_code = "NOT_FOUND"


class AlreadyExists(ExportdError):
    """The request_id was used for another request: choose a new one."""

    default_code = "ALREADY_EXISTS"


class FailedPrecondition(ExportdError):
    """The state of the export does not allow the call. `reason` and `metadata["state"]` say why."""

    default_code = "FAILED_PRECONDITION"


class FileChanged(ExportdError):
    """The service has another file than the one whose download was begun: download it again from the start."""

    default_code = "ABORTED"


class FileDamaged(ExportdError):
    """The service no longer has the bytes of the file: create the export again."""

    default_code = "DATA_LOSS"


class DownloadDamaged(FileDamaged):
    """The received bytes are not those that the service announced: download the file again."""


class Exhausted(ExportdError):
    """A quota is exhausted: wait (`retry_after` seconds, if given) or ask for a larger quota."""

    default_code = "RESOURCE_EXHAUSTED"


class Unavailable(ExportdError):
    """The service answered that it cannot do this now: call again later. Nothing was acknowledged."""

    default_code = "UNAVAILABLE"

    @property
    def passing(self) -> bool:
        return True


class Unreachable(Unavailable):
    """No answer arrived, or it broke off: no service listens, or the network failed.

    The call may have been carried out.
    """


class DeadlineExceeded(ExportdError):
    """The time that the caller gave is over. The export continues: wait again, or look later."""

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
# Without a reason these codes come from the transport. CANCELLED is a stream that the other side dropped.
_OF_TRANSPORT = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}


@dataclass
class _Details:
    reason: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()
    retry_after: float | None = None


def from_rpc(error: grpc.RpcError, target: str, request_id: str) -> ExportdError:
    """Return the typed error of a failed call to `target`, which was sent with `request_id`, with all details of its
    google.rpc.Status.
    """
    call: Any = error  # it is also a Call: code, details, trailing metadata
    details, code, text = _details(call), call.code(), call.details()
    if not details.reason and _is_of_transport(code, text):
        return Unreachable(f"no answer from exportd at {target}: {text}", code=code.name, request_id=request_id)
    kind = _BY_CODE.get(code, InternalError)
    return kind(text or code.name, code=code.name, request_id=request_id, **vars(details))


def _is_of_transport(code: grpc.StatusCode, text: str | None) -> bool:
    # gRPC reports a stream that was reset in HTTP/2 as INTERNAL; only the text distinguishes it from a defect.
    return code in _OF_TRANSPORT or "RST_STREAM" in (text or "")


def _details(call: grpc.Call) -> _Details:
    details = _Details()
    for packed in _packed_details(call):
        _unpack(packed, details)
    return details


def _packed_details(call: grpc.Call) -> Sequence[Any]:
    try:
        status = rpc_status.from_call(call)
    except ValueError:  # its code contradicts that of the call: it is not from exportd
        return ()
    return status.details if status is not None else ()


def _unpack(packed: Any, details: _Details) -> None:
    info, bad, retry = ErrorInfo(), BadRequest(), RetryInfo()
    if packed.Unpack(info) and info.domain == _DOMAIN:
        details.reason, details.metadata = info.reason, dict(info.metadata)
    elif packed.Unpack(bad):
        details.violations = tuple(Violation(one.field, one.description) for one in bad.field_violations)
    elif packed.Unpack(retry):
        details.retry_after = retry.retry_delay.ToTimedelta().total_seconds()
