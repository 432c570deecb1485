"""Converts callers' messages to the api's own types. The form of a message is checked here, its meaning is not."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

from google.protobuf.message import Message

from exportd.v1 import export_pb2, export_service_pb2, link_service_pb2
from services.api.catalog.columns import ColumnChoice
from services.api.domain.filter_mode import FilterMode
from services.api.domain.states import State
from services.api.ports.exports import ExportFilter, IdRange
from services.api.requests.plan import MAX_KNOWN_BYTES, MAX_LABELS, CreateRequest
from services.api.requests.resolver import MAX_KNOWN
from services.api.requests.table_options import CsvChoices, Preset, TableChoices, XlsxChoices
from services.api.usecases.downloads import DownloadRequest
from services.contract.codec import duration_from_pb, enum_from_pb, format_from_pb, timestamp_from_pb
from services.contract.errors import InvalidRequest, Violation
from services.contract.formats import Compression, Format, LineTerminator, LongText, Packaging

E = TypeVar("E", bound=Enum)

DEFAULT_PREVIEW_ROWS = 20
MAX_PREVIEW_ROWS = 100
MIN_PREFIX_CHARACTERS = 4

_TENANT = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DELIVERY = re.compile(r"msg_[0-9a-f]{32}")
_ID_RANGES = (
    (str(UUID(int=0)), str(UUID(int=2**128 - 1)), _UUID),
    (f"msg_{'0' * 32}", f"msg_{'f' * 32}", _DELIVERY),
)
"""The smallest id, the largest id and the pattern of each form of id."""
_OR = f"or msg_ and {MIN_PREFIX_CHARACTERS} hexadecimal digits or more"
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def tenant(names: Sequence[str]) -> str:
    """Return the tenant from the metadata, which must have exactly one. Raises InvalidRequest."""
    name, *more = names
    if more:
        raise InvalidRequest((Violation("x-exportd-tenant", f"is there {len(names)} times; give it once"),))
    if not _TENANT.fullmatch(name):
        raise InvalidRequest((Violation("x-exportd-tenant", "must be 1 to 64 letters, digits, _, . and -"),))
    return name


def create_request(message: export_service_pb2.CreateExportRequest, *, may_read: bool = False) -> CreateRequest:
    """Return the request without the parts that depend on the catalog. Mistakes are in its `violations`.

    `may_read`: whether the caller may also read what it creates.
    """
    body = export_service_pb2.CreateExportRequest()
    body.CopyFrom(message)
    body.ClearField("request_id")
    known = body.SerializeToString(deterministic=True)
    keep = len(known) <= MAX_KNOWN_BYTES and not message.password
    request = (_known_request if keep else _request)(known, may_read)
    return request.identified_by(message.request_id) if message.request_id else request


def _request(body: bytes, may_read: bool) -> CreateRequest:
    """Return the request with this body, which has no request_id."""
    violations: list[Violation] = []
    message = export_service_pb2.CreateExportRequest.FromString(body)
    return CreateRequest(
        uri=message.uri if message.HasField("uri") else None,
        type=message.type if message.HasField("type") else None,
        query=message.query,
        filter_mode=_choice(FilterMode, message.filter_mode, export_pb2.FilterMode, "filter_mode", violations),
        changed_since=_changed_since(message, violations),
        since_export=_since_export(message, violations),
        validate_only=message.validate_only,
        table=_table(message, violations),
        columns=tuple(ColumnChoice(c.field, c.header) for c in message.columns),
        file_types=tuple(message.file_types),
        packaging=_choice(Packaging, message.packaging, export_pb2.Packaging, "packaging", violations),
        password=message.password,
        labels=dict(message.labels),
        priority=message.priority,
        notify_email=message.notify_email,
        callback_url=message.callback_url,
        max_attempts=message.max_attempts,
        ttl=_ttl(message, violations),
        filename=message.filename,
        may_read=may_read,
        body=body,
        violations=tuple(violations),
    )


_known_request = lru_cache(MAX_KNOWN)(_request)
"""Callers ask for the same again and again, each time with a new request_id."""


def preview_request(message: export_service_pb2.PreviewExportRequest) -> tuple[CreateRequest, int]:
    """Return what to preview, and how many rows. Raises InvalidRequest."""
    if not 0 <= message.max_rows <= MAX_PREVIEW_ROWS:
        raise InvalidRequest(
            (Violation("max_rows", f"must be 1 to {MAX_PREVIEW_ROWS}, or 0 for {DEFAULT_PREVIEW_ROWS}"),)
        )
    if message.export.request_id:
        raise InvalidRequest((Violation("export.request_id", "a preview is not repeated by it; leave it out"),))
    return create_request(message.export), message.max_rows or DEFAULT_PREVIEW_ROWS


def export_filter(message: export_service_pb2.ListExportsRequest) -> ExportFilter:
    """Return the conditions for listing exports. Raises InvalidRequest, also for an unknown state."""
    if len(message.labels) > MAX_LABELS:
        raise InvalidRequest((Violation("labels", f"must be at most {MAX_LABELS}, not {len(message.labels)}"),))
    return ExportFilter(
        states=_states(message),
        type=message.type,
        labels=dict(message.labels),
        created_after=time(message, "created_after"),
        created_before=time(message, "created_before"),
    )


def _states(message: export_service_pb2.ListExportsRequest) -> frozenset[State]:
    try:
        return frozenset(enum_from_pb(State, export_pb2.Export.State, state) for state in message.states)
    except ValueError:
        raise InvalidRequest((Violation("states", "must be of " + ", ".join(State.__members__)),)) from None


def with_columns(message: export_service_pb2.ListCollectionsRequest) -> bool:
    """Whether collections are listed with their columns. Raises InvalidRequest for an unknown view."""
    view = export_service_pb2.CollectionView
    if message.view not in view.values():
        raise InvalidRequest((Violation("view", f"{message.view} is not known to this version"),))
    return message.view == view.COLLECTION_VIEW_FULL


def download_request(message: export_service_pb2.DownloadFileRequest) -> DownloadRequest:
    """Return what to download. Raises InvalidRequest."""
    request = source_of(message)
    if message.if_sha256 and not _SHA256.fullmatch(message.if_sha256):
        raise InvalidRequest((Violation("if_sha256", "must be 64 hexadecimal digits"),))
    return replace(request, offset=message.offset, limit=message.limit, if_sha256=message.if_sha256)


def url_request(message: export_service_pb2.GetDownloadUrlRequest) -> DownloadRequest:
    """Return the file that the URL is for. Raises InvalidRequest."""
    return source_of(message)


def source_of(
    message: export_service_pb2.DownloadFileRequest
    | export_service_pb2.GetDownloadUrlRequest
    | link_service_pb2.CreateDownloadLinkRequest,
) -> DownloadRequest:
    """Return the whole file that the message names. Raises InvalidRequest."""
    match message.WhichOneof("source"):
        case "export_id":
            return DownloadRequest(export_id=identifier("export_id", message.export_id))
        case "file_id":
            return DownloadRequest(file_id=identifier("file_id", message.file_id))
    raise InvalidRequest((Violation("export_id", "give export_id or file_id"),))


def identifier(field: str, text: str) -> str:
    """Return a UUID in its canonical form. Upper case is accepted; other forms are not. Raises InvalidRequest."""
    if not _UUID.fullmatch(text):
        raise InvalidRequest((Violation(field, "must be a UUID"),))
    return text.lower()


def delivery_id(text: str) -> str:
    """Return the id of a notification. Raises InvalidRequest if it is malformed."""
    if not _DELIVERY.fullmatch(text):
        raise InvalidRequest((Violation("delivery_id", "must be msg_ and 32 hexadecimal digits"),))
    return text


def id_range(prefix: str) -> IdRange:
    """Return the range of ids that begin with `prefix`. Raises InvalidRequest."""
    for least, most, whole in _ID_RANGES:
        first, last = prefix + least[len(prefix) :], prefix + most[len(prefix) :]
        if len(prefix) >= MIN_PREFIX_CHARACTERS + least.find("0") and whole.fullmatch(first):
            return IdRange(first.lower(), last.lower())
    raise InvalidRequest((Violation("prefix", f"must be {MIN_PREFIX_CHARACTERS} characters of a UUID or more, {_OR}"),))


def time(message: Message, field: str) -> datetime | None:
    if not message.HasField(field):
        return None
    try:
        return timestamp_from_pb(getattr(message, field))
    except (ValueError, OverflowError):
        raise InvalidRequest((Violation(field, "is not a time between the years 1 and 9999"),)) from None


def _choice(kind: type[E], number: int, pb_enum: Any, field: str, violations: list[Violation]) -> E:
    """Return the member of `kind` with the name of `number`. The first member stands for the unspecified value."""
    default = next(iter(kind))
    try:
        return enum_from_pb(kind, pb_enum, number, default)
    except ValueError:
        violations.append(Violation(field, f"{number} is not known to this version"))
        return default


def _table(message: export_service_pb2.CreateExportRequest, violations: list[Violation]) -> TableChoices:
    return TableChoices(
        format=_format(message, violations),
        time_zone=message.time_zone,
        csv=_csv(message.csv, violations) if message.HasField("csv") else None,
        xlsx=_xlsx(message.xlsx, violations) if message.HasField("xlsx") else None,
        compression=_choice(Compression, message.compression, export_pb2.Compression, "compression", violations),
    )


def _csv(message: export_pb2.CsvOptions, violations: list[Violation]) -> CsvChoices:
    return CsvChoices(
        delimiter=message.delimiter,
        bom=message.bom if message.HasField("bom") else None,
        line_terminator=_choice(
            LineTerminator,
            message.line_terminator,
            export_pb2.CsvOptions.LineTerminator,
            "csv.line_terminator",
            violations,
        ),
        decimal_comma=message.decimal_comma,
        null_text=message.null_text,
        escape_formulas=message.escape_formulas if message.HasField("escape_formulas") else None,
        local_times=message.local_times if message.HasField("local_times") else None,
        header=message.header if message.HasField("header") else None,
        preset=_choice(Preset, message.preset, export_pb2.CsvOptions.Preset, "csv.preset", violations),
    )


def _xlsx(message: export_pb2.XlsxOptions, violations: list[Violation]) -> XlsxChoices:
    kind = export_pb2.XlsxOptions.LongText
    return XlsxChoices(
        freeze_header=message.freeze_header if message.HasField("freeze_header") else None,
        autofilter=message.autofilter if message.HasField("autofilter") else None,
        compact=message.compact,
        long_text=_choice(LongText, message.long_text, kind, "xlsx.long_text", violations),
    )


def _format(message: export_service_pb2.CreateExportRequest, violations: list[Violation]) -> Format | None:
    if message.format == export_pb2.FORMAT_UNSPECIFIED:
        return None
    try:
        return format_from_pb(message.format)
    except ValueError:
        violations.append(Violation("format", f"{message.format} is not known to this version"))
        return None


def _changed_since(message: export_service_pb2.CreateExportRequest, violations: list[Violation]) -> datetime | None:
    try:
        return time(message, "changed_since")
    except InvalidRequest as refused:
        violations += refused.violations
        return None


def _since_export(message: export_service_pb2.CreateExportRequest, violations: list[Violation]) -> str:
    try:
        return identifier("since_export", message.since_export) if message.since_export else ""
    except InvalidRequest as refused:
        violations += refused.violations
        return ""


def _ttl(message: export_service_pb2.CreateExportRequest, violations: list[Violation]) -> timedelta | None:
    if not message.HasField("ttl"):
        return None
    try:
        return duration_from_pb(message.ttl)
    except (ValueError, OverflowError):
        violations.append(Violation("ttl", "is not a duration"))
        return None
