"""Columns of tables for people, and messages as rows of them. Pure functions."""

from collections.abc import Iterator
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from rich.filesize import decimal

from exportd_client import Collection, Delivery, Export, TenantQueue, Transition, Worker, name_of
from exportd_client.cli.tables import Column
from exportd_client.cli.words import Fact, format_name, instant, phase_of, rows_of

LIST = (
    Column("ID"),
    Column("STATE"),
    Column("TYPE", flexible=True),
    Column("AGE", right=True),
    Column("ROWS", right=True),
    Column("SIZE", right=True),
)
WIDE_LIST = (
    Column("ID"),
    Column("STATE"),
    Column("TYPE"),
    Column("FORMAT"),
    Column("ROWS", right=True),
    Column("SIZE", right=True),
    Column("CREATED"),
    Column("URI", flexible=True),
    Column("NOTES", flexible=True),
)
HISTORY = (
    Column("TIME"),
    Column("EVENT"),
    Column("STATE"),
    Column("RUN", right=True),
    Column("ATTEMPT", right=True),
    Column("ACTOR", flexible=True),
    Column("REASON", flexible=True),
)
DELIVERIES = (
    Column("ID"),
    Column("RUN", right=True),
    Column("CHANNEL"),
    Column("STATE"),
    Column("TRIES", right=True),
    Column("LAST", flexible=True),
    Column("TARGET", flexible=True),
)
QUEUE = (
    Column("TENANT", flexible=True),
    Column("QUEUED", right=True),
    Column("PROCESSING", right=True),
    Column("FAILED", right=True),
    Column("MAX RUNNING", right=True),
    Column("WEIGHT", right=True),
)
WORKERS = (
    Column("ID"),
    Column("RUNNING", right=True),
    Column("FREE", right=True),
    Column("STATUS"),
    Column("LAST SEEN", right=True),
)
COLLECTIONS = (Column("TYPE"), Column("PATH"), Column("DESCRIPTION", flexible=True))
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
MAX_EXACT_COUNT = 9_999
"""The largest count that is shown exactly in a narrow column. Larger ones are shown with three digits."""
_KILO = 1000


def collections_row(collection: Collection) -> tuple[str, ...]:
    """Return a collection as a row of COLLECTIONS."""
    return (collection.type, collection.path, collection.description or "-")


def list_row(export: Export, now: datetime) -> tuple[str, ...]:
    """Return an export as a row of LIST."""
    built = export.HasField("file")
    return (
        export.id,
        name_of(Export.State, export.state),
        export.type,
        age(export.create_time, now),
        short_count(export.file.row_count) if built else "-",
        short_size(export.file.size_bytes) if built else "-",
    )


def wide_row(export: Export) -> tuple[str, ...]:
    """Return an export as a row of WIDE_LIST."""
    built = export.HasField("file")
    return (
        export.id,
        name_of(Export.State, export.state),
        export.type,
        format_name(export.format),
        f"{export.file.row_count:,}" if built else "-",
        decimal(export.file.size_bytes) if built else "-",
        instant(export.create_time),
        export.uri or "-",
        remark_of(export) or "-",
    )


def age(time: Timestamp, now: datetime) -> str:
    """Return how long ago a time was, in its largest unit: "59s", "3d". A time in the future is "0s"."""
    seconds = max(int((now - time.ToDatetime(tzinfo=UTC)).total_seconds()), 0)
    size, unit = next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])
    return f"{seconds // size}{unit}"


def short_count(count: int) -> str:
    """Return a count exactly up to 9,999, otherwise with three digits: "1.23M"."""
    return f"{count:,}" if count <= MAX_EXACT_COUNT else _short(count)


def short_size(size_bytes: int) -> str:
    """Return a size with at most three digits: "1.23 MB"."""
    number = _short(size_bytes)
    return f"{number} B" if number[-1].isdigit() else f"{number[:-1]} {number[-1]}B"


def _short(number: int) -> str:
    value, units = float(number), iter(("", "k", "M", "G", "T"))
    unit = next(units)
    while float(f"{value:.3g}") >= _KILO:
        value, unit = value / _KILO, next(units, "P")
    return f"{value:.3g}{unit}"


def remark_of(export: Export) -> str:
    """Return the remarks of an export in a list; may be empty.

    They say why it waits or has failed, and what is special about its file.
    """
    return ", ".join(_remarks(export))


def _remarks(export: Export) -> Iterator[str]:
    if export.state == Export.STATE_CANCELLED:
        yield _end_of(export)
    if export.state == Export.STATE_FAILED:
        yield f"attempt {export.attempt} of {export.max_attempts}: {_last_error(export)}"
    if export.wait_reason:
        yield name_of(Export.WaitReason, export.wait_reason)
    if export.state == Export.STATE_PROCESSING and export.HasField("progress"):
        yield f"{phase_of(export.progress)}, {rows_of(export.progress)}"
    if export.encrypted:
        yield "encrypted"
    if export.HasField("attachments_file"):
        yield f"attachments {decimal(export.attachments_file.size_bytes)}"
    if export.file_expired:
        yield "file expired"


def _end_of(export: Export) -> str:
    """Return why an export is CANCELLED."""
    reason = name_of(Export.CancelReason, export.cancel_reason)
    requested = export.cancel_reason == Export.CANCEL_REASON_REQUESTED
    return reason if requested or not export.result.errors else f"{reason}: {_last_error(export)}"


def _last_error(export: Export) -> str:
    errors = export.result.errors
    return f"{errors[-1].code}: {errors[-1].message}" if errors else "no error is known"


def history_row(entry: Transition) -> tuple[str, ...]:
    """Return a state change as a row of HISTORY."""
    who = name_of(Transition.Actor, entry.actor).lower()
    return (
        entry.create_time.ToDatetime(tzinfo=UTC).isoformat(timespec="milliseconds"),
        name_of(Transition.Event, entry.event),
        name_of(Export.State, entry.after),
        str(entry.run),
        str(entry.attempt),
        f"{who} {entry.worker_id}" if entry.worker_id else who,
        entry.reason or "-",
    )


def deliveries_row(delivery: Delivery) -> tuple[str, ...]:
    """Return a notification as a row of DELIVERIES."""
    return (
        delivery.id,
        str(delivery.run),
        f"{name_of(Delivery.Channel, delivery.channel)} {delivery.event}".strip(),
        name_of(Delivery.State, delivery.state),
        str(delivery.try_count),
        delivery.tries[-1].outcome if delivery.tries else "-",
        delivery.target,
    )


def queue_row(part: TenantQueue) -> tuple[str, ...]:
    """Return a tenant's part of the queue as a row of QUEUE."""
    counts = (part.queued, part.processing, part.failed)
    cap = f"{part.max_running:,}" if part.max_running else "any"
    return (part.tenant, *(f"{count:,}" for count in counts), cap, f"{part.weight:g}")


def workers_row(worker: Worker) -> tuple[str, ...]:
    """Return a worker as a row of WORKERS."""
    silence_s = worker.last_seen_age.ToTimedelta().total_seconds()
    return (worker.id, f"{worker.running:,}", f"{worker.free_slots:,}", _status(worker), f"{silence_s:.1f} s")


def _status(worker: Worker) -> str:
    if worker.draining:
        return "draining"
    if any(not problem.source_id for problem in worker.problems):
        return "unhealthy"
    return "working" if worker.running else "idle"


def problems_of(worker: Worker) -> str:
    """Return the problems that keep a worker from all work, or from that of a source; may be empty."""
    return ", ".join(f"{each.code} ({each.source_id})" if each.source_id else each.code for each in worker.problems)


def worker_facts(worker: Worker) -> Iterator[Fact]:
    """Yield the facts about a worker."""
    yield from zip((column.name.lower() for column in WORKERS), workers_row(worker), strict=True)
    if worker.problems:
        yield "problems", problems_of(worker)
