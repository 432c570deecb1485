"""What the api counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.api.domain.export import Export
from services.api.domain.states import State
from services.api.ports.figures import Depth

REGISTRY = CollectorRegistry()

CALLS = Counter("exportd_calls", "Calls by method and status code.", ["method", "code"], registry=REGISTRY)
CALL_SECONDS = Histogram("exportd_call_seconds", "Length of unary calls.", ["method"], registry=REGISTRY)
QUEUE_DEPTH = Gauge("exportd_queue_depth", "Exports that are not done, by state.", ["state"], registry=REGISTRY)
QUEUE_OLDEST = Gauge("exportd_queue_oldest_seconds", "Age of the oldest export that waits.", registry=REGISTRY)
WAIT_SECONDS = Histogram(
    "exportd_queue_wait_seconds",
    "From create to the first lease.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 1800, 7200),
    registry=REGISTRY,
)
RUN_SECONDS = Histogram(
    "exportd_run_seconds",
    "Length of attempts that completed.",
    ["format"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 7200, 21600),
    registry=REGISTRY,
)
ROWS = Counter("exportd_rows", "Rows in completed exports.", registry=REGISTRY)
BYTES = Counter("exportd_bytes", "Bytes of completed files.", registry=REGISTRY)
LEASES_EXPIRED = Counter("exportd_lease_expired", "Leases that ran out.", registry=REGISTRY)
LEASES_UNCONFIRMED = Counter(
    "exportd_lease_unconfirmed", "Leases that ran out and that no worker had confirmed.", registry=REGISTRY
)
FENCE_REJECTED = Counter("exportd_fence_rejected", "Verbs of leases that no longer count.", ["verb"], registry=REGISTRY)
SWEPT_LEASES = Counter("exportd_swept_leases", "Leases whose bytes were removed.", registry=REGISTRY)
SWEPT_ROWS = Counter("exportd_swept_rows", "Rows that were removed.", registry=REGISTRY)
OUTBOX_OLDEST = Gauge("exportd_outbox_oldest_seconds", "Age of the oldest notification to be sent.", registry=REGISTRY)
NOTIFICATIONS = Counter(
    "exportd_notifications",
    "Tries to send a notification, by what came of it: sent, again, given_up.",
    ["channel", "outcome"],
    registry=REGISTRY,
)
DOWNLOADS_ACTIVE = Gauge("exportd_downloads_active", "Downloads under way.", registry=REGISTRY)
WATCHES_ACTIVE = Gauge("exportd_watches_active", "Watches under way.", registry=REGISTRY)


def show_depth(depth: Depth) -> None:
    """Set the gauges of the queue."""
    for state in (State.QUEUED, State.PROCESSING, State.FAILED):
        QUEUE_DEPTH.labels(state.name).set(depth.counts.get(state, 0))
    QUEUE_OLDEST.set(depth.oldest.total_seconds())


def leased(export: Export) -> None:
    """Count the wait of an export that is leased for the first time."""
    if export.attempt == 1 and export.start_time:
        WAIT_SECONDS.observe((export.start_time - export.create_time).total_seconds())


def expired(export: Export) -> None:
    """Count a lease that ran out; one that nobody had confirmed gives its attempt back."""
    LEASES_EXPIRED.inc()
    if export.state is State.QUEUED:
        LEASES_UNCONFIRMED.inc()


def swept(leases: int, rows: int) -> None:
    """Count what a sweep removed."""
    SWEPT_LEASES.inc(leases)
    SWEPT_ROWS.inc(rows)


def completed(export: Export) -> None:
    """Count a completed export, its rows and its bytes."""
    if export.file and export.duration:
        RUN_SECONDS.labels(export.format.value).observe(export.duration.total_seconds())
        ROWS.inc(export.file.row_count)
        BYTES.inc(sum(f.artifact.size_bytes for f in (export.file, export.attachments_file) if f))
