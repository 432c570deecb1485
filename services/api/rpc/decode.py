"""From the messages of callers to the api's language: what a message says is checked here, what it means is not."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from google.protobuf import unknown_fields
from google.protobuf.message import Message

from exportd.v1 import export_pb2, export_service_pb2
from services.api.creation import CreateRequest
from services.api.domain.states import State
from services.api.downloads import DownloadRequest
from services.api.ports import ExportFilter
from services.contract.codec import duration_from_pb, format_from_pb, timestamp_from_pb
from services.contract.errors import InvalidRequest, Violation
from services.contract.formats import Format

DEFAULT_PAGE = 50
MAX_PAGE = 1000

_TENANT = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")

# Fields of CreateExportRequest that this version refuses when they are set, and the values of enums that it honours.
_NOT_HONOURED = (
    "password",
    "notify_email",
    "callback_url",
    "columns",
    "csv",
    "xlsx",
    "priority",
    "validate_only",
    "changed_since",
    "since_export",
)
_ONLY = {
    "packaging": (export_pb2.Packaging, {"PACKAGING_UNSPECIFIED", "AUTO"}),
    "filter_mode": (export_pb2.FilterMode, {"FILTER_MODE_UNSPECIFIED", "STRICT"}),
    "compression": (export_pb2.Compression, {"COMPRESSION_UNSPECIFIED", "NONE"}),
}


def tenant(name: str) -> str:
    """The tenant named by metadata. Raises InvalidRequest."""
    if not _TENANT.fullmatch(name):
        raise InvalidRequest((Violation("x-exportd-tenant", "must be 1 to 64 letters, digits, _, . and -"),))
    return name


def create_request(message: export_service_pb2.CreateExportRequest) -> CreateRequest:
    """Everything but what the catalog decides; what is wrong is in its `violations`."""
    violations = [*_create_violations(message)]
    body = export_service_pb2.CreateExportRequest()
    body.CopyFrom(message)
    body.ClearField("request_id")
    return CreateRequest(
        uri=message.uri if message.HasField("uri") else None,
        type=message.type if message.HasField("type") else None,
        query=message.query,
        format=_format(message, violations),
        file_types=tuple(message.file_types),
        request_id=message.request_id,
        labels=dict(message.labels),
        max_attempts=message.max_attempts,
        ttl=_ttl(message, violations),
        filename=message.filename,
        body=body.SerializeToString(deterministic=True),
        violations=tuple(violations),
    )


def export_filter(message: export_service_pb2.ListExportsRequest) -> ExportFilter:
    """Which exports to list. Raises InvalidRequest for a state that is none."""
    unknown = [s for s in message.states if export_pb2.Export.State.Name(s) not in State.__members__]
    if unknown:
        raise InvalidRequest((Violation("states", "must be of " + ", ".join(State.__members__)),))
    return ExportFilter(
        states=frozenset(State[export_pb2.Export.State.Name(s)] for s in message.states),
        type=message.type,
        labels=dict(message.labels),
        created_after=_time(message, "created_after"),
        created_before=_time(message, "created_before"),
    )


def page_size(message: export_service_pb2.ListExportsRequest) -> int:
    """1 to 1000. Raises InvalidRequest for a negative one."""
    if message.page_size < 0:
        raise InvalidRequest((Violation("page_size", "must not be negative; 0 is 50"),))
    return min(message.page_size or DEFAULT_PAGE, MAX_PAGE)


def download_request(message: export_service_pb2.DownloadFileRequest) -> DownloadRequest:
    """What to download. Raises InvalidRequest."""
    source = message.WhichOneof("source")
    if source is None:
        raise InvalidRequest((Violation("export_id", "give export_id or file_id"),))
    if message.if_sha256 and not _SHA256.fullmatch(message.if_sha256):
        raise InvalidRequest((Violation("if_sha256", "must be 64 hexadecimal digits"),))
    return DownloadRequest(
        export_id=identifier("export_id", message.export_id) if source == "export_id" else "",
        file_id=identifier("file_id", message.file_id) if source == "file_id" else "",
        offset=message.offset,
        limit=message.limit,
        if_sha256=message.if_sha256,
    )


def identifier(field: str, text: str) -> str:
    """A UUID in its canonical form. Raises InvalidRequest."""
    try:
        return str(UUID(text))
    except ValueError:
        raise InvalidRequest((Violation(field, "must be a UUID"),)) from None


def _create_violations(message: export_service_pb2.CreateExportRequest) -> Iterator[Violation]:
    for name in _NOT_HONOURED:
        if _is_set(message, name):
            yield Violation(name, "is not honoured by this version; leave it out")
    for name, (enum, honoured) in _ONLY.items():
        if _enum_name(enum, getattr(message, name)) not in honoured:
            yield Violation(name, f"only {min(honoured)} is honoured by this version")
    if message.time_zone not in ("", "UTC"):
        yield Violation("time_zone", "only UTC is honoured by this version")
    for unknown in unknown_fields.UnknownFieldSet(message):  # type: ignore[attr-defined]
        yield Violation(f"field {unknown.field_number}", "is not known to this version; leave it out")


def _time(message: export_service_pb2.ListExportsRequest, field: str) -> datetime | None:
    if not message.HasField(field):  # type: ignore[arg-type]  # one of two literals
        return None
    try:
        return timestamp_from_pb(getattr(message, field))
    except (ValueError, OverflowError):
        raise InvalidRequest((Violation(field, "is no time between the years 1 and 9999"),)) from None


def _is_set(message: Message, name: str) -> bool:
    return any(field.name == name for field, _ in message.ListFields())


def _enum_name(enum: object, number: int) -> str:
    try:
        return str(enum.Name(number))  # type: ignore[attr-defined]
    except ValueError:
        return str(number)


def _format(message: export_service_pb2.CreateExportRequest, violations: list[Violation]) -> Format | None:
    if message.format == export_pb2.FORMAT_UNSPECIFIED:
        return None
    try:
        return format_from_pb(message.format)
    except ValueError:
        violations.append(Violation("format", f"{message.format} is not known to this version"))
        return None


def _ttl(message: export_service_pb2.CreateExportRequest, violations: list[Violation]) -> timedelta | None:
    if not message.HasField("ttl"):
        return None
    try:
        return duration_from_pb(message.ttl)
    except (ValueError, OverflowError):
        violations.append(Violation("ttl", "is no duration"))
        return None
