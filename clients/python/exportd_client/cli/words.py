"""Texts for people: a message as pairs of a name and a text, and figures of progress. Pure functions."""

from collections.abc import Iterator
from datetime import UTC

from google.protobuf.timestamp_pb2 import Timestamp
from rich.filesize import decimal

from exportd_client import (
    Collection,
    ColumnType,
    Delivery,
    Export,
    ExportdError,
    File,
    Format,
    Progress,
    name_of,
)

Fact = tuple[str, str]


def format_name(value: Format.ValueType) -> str:
    """Return the name of a format, such as "xlsx"."""
    return name_of(Format, value).lower()


def instant(time: Timestamp) -> str:
    """Return a time in RFC 3339, in UTC, to the second."""
    return time.ToDatetime(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def state_of(export: Export) -> str:
    """Return the state with its reasons: "QUEUED (NO_WORKER, position 3)"."""
    reasons = []
    if export.cancel_reason:
        reasons.append(name_of(Export.CancelReason, export.cancel_reason))
    if export.wait_reason:
        reasons.append(name_of(Export.WaitReason, export.wait_reason))
    if export.queue_position:
        reasons.append(f"position {export.queue_position:,}")
    name = name_of(Export.State, export.state)
    return f"{name} ({', '.join(reasons)})" if reasons else name


def export_facts(export: Export) -> Iterator[Fact]:
    """Yield the facts about an export, without unset ones."""
    yield "id", export.id
    yield "state", state_of(export)
    yield "collection", export.uri or export.type
    yield "format", format_name(export.format)
    if export.file_types:
        yield "file types", ", ".join(export.file_types)
    if export.encrypted and not export.HasField("file"):
        yield "encrypted", "yes"
    for key, value in sorted(export.labels.items()):
        yield "label", f"{key}={value}"
    yield "attempt", f"{export.attempt} of {export.max_attempts}" + (f", run {export.run}" if export.run > 1 else "")
    if export.priority:
        yield "priority", f"{export.priority}"
    yield from _times(export)
    yield from _outcome(export)


def validated_facts(export: Export) -> Iterator[Fact]:
    """Yield the facts about a validated request, for which no export was created."""
    yield "collection", export.uri or export.type
    yield "format", format_name(export.format)
    yield "query", export.options.query or "all rows"
    yield "columns", ", ".join(column.field for column in export.options.columns)
    for warning in export.warnings:
        yield "warning", f"{warning.code}: {warning.message}"


def _times(export: Export) -> Iterator[Fact]:
    yield "created", instant(export.create_time)
    if export.HasField("next_attempt_time"):
        yield "next attempt", instant(export.next_attempt_time)
    if export.HasField("end_time"):
        yield "ended", instant(export.end_time)


def _outcome(export: Export) -> Iterator[Fact]:
    if export.state == Export.STATE_PROCESSING and export.HasField("progress"):
        yield "progress", f"{phase_of(export.progress)}, {rows_of(export.progress)}"
    for warning in (*export.warnings, *export.result.warnings):
        yield "warning", f"{warning.code}: {warning.message} ({warning.count:,} times)"
    # Errors before a successful attempt did not end the export.
    failed = "earlier error" if export.state == Export.STATE_COMPLETED else "error"
    for error in export.result.errors:
        yield failed, f"attempt {error.attempt}: {error.code}: {error.message}"
    if export.HasField("file"):
        yield from file_facts(export.file)
    if export.HasField("attachments_file"):
        yield from _attachments_facts(export.attachments_file)
    if export.file_expired:
        yield "file", "expired"
    for name, target, sent in (
        ("callback", export.callback_url, export.result.callback_sent),
        ("mail", export.notify_email, export.result.notify_email_sent),
    ):
        if target:
            yield name, f"{target} ({'sent' if sent else 'not sent yet'})"


def file_facts(file: File) -> Iterator[Fact]:
    """Yield the facts about a file."""
    yield "file", file.id
    yield "name", file.filename
    yield "rows", f"{file.row_count:,}"
    yield "size", f"{decimal(file.size_bytes)} ({file.size_bytes:,} bytes)"
    if file.encrypted:
        yield "encrypted", "yes"
    if file.entry_count:
        yield "entries", f"{file.entry_count:,}"
    yield "sha256", file.sha256
    if file.HasField("expire_time"):
        yield "expires", instant(file.expire_time)


def _attachments_facts(file: File) -> Iterator[Fact]:
    yield "attachments", file.id
    for name, text in file_facts(file):
        if name not in ("file", "rows", "expires"):  # attachments have no rows, and expire with the table
            yield f"attachments {name}", text


def collection_facts(collection: Collection) -> Iterator[Fact]:
    """Yield the facts about a collection, and what can be asked of it."""
    yield "type", collection.type
    yield "path", collection.path
    if collection.description:
        yield "description", collection.description
    yield "formats", ", ".join(format_name(one) for one in collection.formats)
    if collection.file_types:
        yield "attachments", ", ".join(collection.file_types)
    for parameter in collection.parameters:
        yield "parameter", f"{parameter.name} ({type_text(parameter.type)}{', optional' if parameter.optional else ''})"
    for column in collection.columns:
        yield "column", f"{column.field} ({type_text(column.type)}{_abilities(column.filterable, column.sortable)})"


def type_text(type_: ColumnType) -> str:
    """Return the text of a type, such as "text" or "decimal(18,2)"."""
    name = name_of(ColumnType.Kind, type_.kind).lower()
    return f"{name}({type_.precision},{type_.scale})" if type_.kind == ColumnType.KIND_DECIMAL else name


def _abilities(filterable: bool, sortable: bool) -> str:
    return (", filter" if filterable else "") + (", sort" if sortable else "")


def delivery_facts(delivery: Delivery) -> Iterator[Fact]:
    """Yield the facts about a notification and its attempts."""
    yield "id", delivery.id
    yield "export", delivery.export_id
    yield "channel", f"{name_of(Delivery.Channel, delivery.channel)} to {delivery.target}"
    if delivery.event:
        yield "event", delivery.event
    yield "state", name_of(Delivery.State, delivery.state)
    for each in delivery.tries:
        yield "try", f"{instant(each.end_time)} {each.outcome}"


def phase_of(progress: Progress) -> str:
    """Return the phase, such as "writing"."""
    return name_of(Progress.Phase, progress.phase).lower() if progress.phase else "starting"


def rows_of(progress: Progress) -> str:
    """Return rows, bytes and time left, as far as they are known."""
    of_total = f" of {progress.rows_total:,}" if progress.rows_total else ""
    size = f", {decimal(progress.bytes_written)}" if progress.bytes_written else ""
    left = f", {progress.eta.seconds:,} s left" if progress.HasField("eta") else ""
    return f"{progress.rows_written:,}{of_total} rows{size}{left}"


def error_lines(error: ExportdError) -> Iterator[str]:
    """Yield the text of a failed call; with violations, one line for each."""
    if error.violations:
        for violation in error.violations:
            yield f"{violation.field}: {violation.description}" if violation.field else violation.description
        left = int(error.metadata.get("violation_count", 0)) - len(error.violations)
        if left > 0:
            yield f"and {left:,} more"
    else:
        yield f"{error.message} ({error.reason or error.code})"
    if error.request_id and not error.reason:
        yield f"the service's log has the call, if it came there, under the request id {error.request_id}"
