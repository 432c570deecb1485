"""Converts the api's own types to the messages that callers see."""

from collections.abc import Iterable

from exportd.v1 import export_pb2, export_service_pb2
from services.api.catalog.model import Collection
from services.api.domain.export import Export, Options, StoredFile
from services.api.domain.states import State
from services.api.ports.exports import IdMatch
from services.api.usecases.downloads import DownloadUrl
from services.api.usecases.exports import FirstRows, QuotaUse, View
from services.contract.codec import (
    csv_to_pb,
    duration_to_pb,
    enum_to_pb,
    format_to_pb,
    progress_to_pb,
    timestamp_to_pb,
    type_to_pb,
    warnings_to_pb,
    xlsx_to_pb,
)
from services.contract.identity import MadeOnce

_DATA_TAG = bytes((export_service_pb2.DownloadFileResponse.DATA_FIELD_NUMBER << 3 | 2,))
"""The tag of the field in the wire format, which says that a length follows."""
_MORE = 0x80
"""The bit that is set in every byte of a varint except the last."""

MAX_OPTIONS_KNOWN = 256
"""Options that are not converted again: most exports have those of others."""

MAX_LIST_ITEMS = 100
"""The most entries of a list inside a resource. The full count is given in a field of its own."""


def export(view: View, *, with_entries: bool = True) -> export_pb2.Export:
    """Return the export as a resource. Lists of exports leave out the entries of ZIPs."""
    resource = view.export
    expired = resource.file is not None and resource.file.expired(view.now)
    created, updated = resource.create_time, resource.update_time
    create_time = timestamp_to_pb(created)
    return export_pb2.Export(
        id=resource.id,
        uri=resource.uri,
        type=resource.type,
        format=format_to_pb(resource.format),
        file_types=resource.file_types or None,
        state=enum_to_pb(export_pb2.Export.State, resource.state),
        done=resource.done,
        file=None if expired else _file_if_any(resource, resource.file, with_entries=with_entries),
        attachments_file=None
        if expired
        else _file_if_any(resource, resource.attachments_file, with_entries=with_entries),
        result=_result(resource) if resource.done or resource.state is State.FAILED else None,
        progress=progress_to_pb(view.progress),
        attempt=resource.attempt,
        max_attempts=resource.max_attempts,
        next_attempt_time=timestamp_to_pb(resource.next_attempt_time),
        cancel_reason=enum_to_pb(export_pb2.Export.CancelReason, resource.cancel_reason),
        encrypted=resource.encrypted,
        warnings=warnings_to_pb(resource.warnings[:MAX_LIST_ITEMS]) or None,
        labels=resource.labels or None,
        priority=resource.priority,
        notify_email=resource.notify_email,
        callback_url=resource.callback_url,
        queue_position=view.queue_position,
        file_expired=expired,
        version=resource.version,
        create_time=create_time,
        update_time=create_time if updated is created else timestamp_to_pb(updated),
        start_time=timestamp_to_pb(resource.start_time),
        end_time=timestamp_to_pb(resource.end_time),
        wait_reason=_wait_reason(view),
        options=_options(resource.options),
        run=resource.run,
    )


def id_match(match: IdMatch) -> export_service_pb2.IdMatch:
    """Return an object whose id matches."""
    return export_service_pb2.IdMatch(
        kind=enum_to_pb(export_service_pb2.IdMatch.Kind, match.kind), id=match.id, export_id=match.export_id
    )


def validated(export: Export) -> export_pb2.Export:
    """Return a validated request as an export. It has no id, state or times, because no export was created."""
    return export_pb2.Export(
        uri=export.uri,
        type=export.type,
        format=format_to_pb(export.format),
        file_types=export.file_types,
        max_attempts=export.max_attempts,
        encrypted=export.encrypted,
        warnings=warnings_to_pb(export.warnings[:MAX_LIST_ITEMS]),
        labels=export.labels,
        priority=export.priority,
        notify_email=export.notify_email,
        callback_url=export.callback_url,
        options=_options(export.options),
    )


def file_of(made_by: Export, file: StoredFile) -> export_pb2.File:
    """Return a file of an export."""
    return _file(made_by, file, with_entries=True)


def download_header(made_by: Export, file: StoredFile, offset: int) -> bytes:
    """Return the first message of a download: a DownloadFileResponse in the wire format."""
    header = export_service_pb2.DownloadHeader(file=file_of(made_by, file), offset=offset)
    return export_service_pb2.DownloadFileResponse(header=header).SerializeToString()


def download_data(data: bytes) -> bytes:
    """Return a further message of a download, with one copy of the data.

    It is DownloadFileResponse(data=data) in the wire format.
    """
    return b"".join((download_head(len(data)), data))


def download_head(length: int) -> bytes:
    """Return what stands before `length` bytes of data in a further message of a download."""
    return _DATA_TAG + _varint(length)


def preview(seen: FirstRows) -> export_service_pb2.PreviewExportResponse:
    """Return the first rows, and the request as the api understood it."""
    planned, rows = seen.planned, seen.shown
    warnings = [*warnings_to_pb(planned.export.warnings), *warnings_to_pb(rows.warnings)]
    return export_service_pb2.PreviewExportResponse(
        columns=[
            export_service_pb2.CollectionColumn(field=c.field, header=c.header, type=type_to_pb(c.file_type))
            for c in planned.spec.columns
        ],
        rows=rows.rows,
        rows_total=rows.rows_total,
        query=planned.export.options.query,
        warnings=warnings[:MAX_LIST_ITEMS],
    )


def _varint(number: int) -> bytes:
    """Encode a varint: seven bits per byte, the lowest first; all bytes but the last have the eighth bit set."""
    lower = bytearray()
    while number >= _MORE:
        lower.append(number & 0xFF | _MORE)
        number >>= 7
    return bytes((*lower, number))


def download_url(signed: DownloadUrl) -> export_service_pb2.GetDownloadUrlResponse:
    artifact = signed.file.artifact
    return export_service_pb2.GetDownloadUrlResponse(
        url=signed.url,
        expire_time=timestamp_to_pb(signed.expire_time),
        size_bytes=artifact.size_bytes,
        sha256=artifact.sha256,
    )


def _file_if_any(made_by: Export, file: StoredFile | None, *, with_entries: bool) -> export_pb2.File | None:
    return _file(made_by, file, with_entries=with_entries) if file else None


def _file(made_by: Export, file: StoredFile, *, with_entries: bool) -> export_pb2.File:
    artifact = file.artifact
    entries = artifact.entries[:MAX_LIST_ITEMS] if with_entries else ()
    return export_pb2.File(
        id=file.id,
        type="Export",
        export_id=made_by.id,
        media_type=artifact.media_type,
        extension=artifact.extension,
        size_bytes=artifact.size_bytes,
        filename=file.filename,
        sha256=artifact.sha256,
        encrypted=artifact.encrypted,
        row_count=file.row_count,
        entries=[export_pb2.Entry(name=e.name, size_bytes=e.size_bytes) for e in entries],
        entry_count=artifact.entry_count,
        create_time=timestamp_to_pb(file.create_time),
        expire_time=timestamp_to_pb(file.expire_time),
    )


def _result(export: Export) -> export_pb2.Result:
    result = export_pb2.Result(
        success=export.state is State.COMPLETED,
        errors=[
            export_pb2.JobError(attempt=e.attempt, code=e.code, message=e.message, end_time=timestamp_to_pb(e.time))
            for e in export.errors[-MAX_LIST_ITEMS:]
        ],
        duration_ms=round(export.duration.total_seconds() * 1000) if export.duration else 0,
        file_size_bytes=export.file.artifact.size_bytes if export.file else 0,
        callback_sent=export.callback_sent,
        notify_email_sent=export.email_sent,
    )
    if export.stats:
        stats = export.stats
        result.rows_matched = stats.rows_matched
        result.matched_by = enum_to_pb(export_pb2.MatchedBy, stats.matched_by)
        result.rows_written = stats.rows_written
        result.consistency = enum_to_pb(export_pb2.Consistency, stats.consistency)
        result.warnings.extend(warnings_to_pb(stats.warnings[:MAX_LIST_ITEMS]))
        if stats.as_of:
            result.as_of.FromDatetime(stats.as_of)
    return result


def _wait_reason(view: View) -> export_pb2.Export.WaitReason.ValueType:
    export, reason = view.export, export_pb2.Export
    if export.state not in (State.QUEUED, State.FAILED):
        return reason.WAIT_REASON_UNSPECIFIED
    if export.next_attempt_time and export.next_attempt_time > view.now:
        return reason.WAIT_REASON_BACKOFF
    if not view.worker_there:
        return reason.WAIT_REASON_NO_WORKER
    if not view.worker_able:
        return reason.WAIT_REASON_NO_CAPABLE_WORKER
    return reason.WAIT_REASON_TENANT_CAP if view.capped else reason.WAIT_REASON_QUEUE


def _made_options(options: Options) -> export_pb2.ExportOptions:
    return export_pb2.ExportOptions(
        query=options.query,
        columns=[export_pb2.Column(field=c.field, header=c.header) for c in options.columns],
        packaging=enum_to_pb(export_pb2.Packaging, options.packaging),
        time_zone=options.time_zone,
        csv=csv_to_pb(options.csv) if options.csv else None,
        xlsx=xlsx_to_pb(options.xlsx) if options.xlsx else None,
        compression=enum_to_pb(export_pb2.Compression, options.compression),
        ttl=duration_to_pb(options.ttl),
        filter_mode=enum_to_pb(export_pb2.FilterMode, options.filter_mode),
        filename=options.filename,
    )


_options = MadeOnce(_made_options, MAX_OPTIONS_KNOWN)


def collection(known: Collection, *, with_columns: bool) -> export_service_pb2.Collection:
    """Return a collection."""
    return export_service_pb2.Collection(
        type=known.code,
        path=known.path,
        description=known.description,
        formats=[format_to_pb(f) for f in known.formats],
        file_types=[a.file_type for a in known.attachments],
        parameters=[
            export_service_pb2.PathParameter(
                name=p.name, type=type_to_pb(p.type), optional=p.name not in known.demanded
            )
            for p in known.parameters
        ],
        columns=[
            export_service_pb2.CollectionColumn(
                field=c.field,
                header=c.header,
                type=type_to_pb(c.spec.file_type),
                filterable=c.filter,
                sortable=c.sort,
            )
            for c in (known.columns if with_columns else ())
        ],
    )


def usage(tenant: str, used: Iterable[QuotaUse]) -> export_service_pb2.Usage:
    """Encode what a tenant uses of its quotas."""
    message = export_service_pb2.Usage(tenant=tenant)
    for each in used:
        quota = enum_to_pb(export_service_pb2.QuotaUsage.Quota, each.quota)
        message.quotas.add(quota=quota, used=each.used, limit=each.limit)
    return message
