"""The metrics of the api for Prometheus."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.api.domain.export import Export
from services.api.domain.states import State
from services.api.ports.figures import Depth
from services.api.ports.live import Announcements, PreviewDesk

_WAIT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 1800, 7200)
_RUN_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 7200, 21600)


class ApiMetrics:
    """The metrics of one api, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = of = CollectorRegistry()
        calls = Counter(
            "exportd_calls", "Calls that have ended, by method and gRPC status.", ["method", "code"], registry=of
        )
        self._calls_of = cache(calls.labels)  # there are few methods and codes, so each is looked up only once
        self._call_seconds_of = cache(
            Histogram("exportd_call_seconds", "Duration of calls.", ["method"], registry=of).labels
        )
        self._fenced = Counter(
            "exportd_fence_rejected",
            "Calls of workers refused because their lease is no longer in force.",
            ["verb"],
            registry=of,
        )
        self.downloads = Gauge("exportd_downloads_active", "Downloads in progress.", registry=of)
        self.watches = Gauge("exportd_watches_active", "Watches in progress.", registry=of)
        self._polls_waiting = Gauge("exportd_polls_waiting", "Workers that are waiting for a job.", registry=of)
        self._previews_waiting = Gauge(
            "exportd_previews_waiting", "Previews that are waiting for a worker.", registry=of
        )
        self._hears = Gauge(
            "exportd_hints_connected",
            "1 while hints of other processes on the same PostgreSQL arrive; 0 with SQLite, and behind a pooler.",
            registry=of,
        )
        self._declare_queue(of)
        self._declare_background(of)

    def _declare_queue(self, of: CollectorRegistry) -> None:
        self._depth = Gauge("exportd_queue_depth", "Exports that are not done, by state.", ["state"], registry=of)
        self._oldest = Gauge("exportd_queue_oldest_seconds", "Age of the oldest export that is waiting.", registry=of)
        self._wait_seconds = Histogram(
            "exportd_queue_wait_seconds",
            "Time from the creation of an export to its first lease.",
            buckets=_WAIT_SECONDS,
            registry=of,
        )
        self._run_seconds = Histogram(
            "exportd_run_seconds",
            "Duration of attempts that completed, by file format.",
            ["format"],
            buckets=_RUN_SECONDS,
            registry=of,
        )
        self._rows = Counter("exportd_rows", "Rows in completed exports.", registry=of)
        self._bytes = Counter("exportd_bytes", "Bytes of completed files.", registry=of)

    def _declare_background(self, of: CollectorRegistry) -> None:
        self._expired = Counter("exportd_lease_expired", "Leases that expired.", registry=of)
        self._unconfirmed = Counter(
            "exportd_lease_unconfirmed", "Leases that expired before a worker confirmed them.", registry=of
        )
        self._swept_leases = Counter("exportd_swept_leases", "Leases whose bytes a sweep deleted.", registry=of)
        self._swept_rows = Counter(
            "exportd_swept_rows", "Database rows of old exports that a sweep deleted.", registry=of
        )
        self._outbox_oldest = Gauge(
            "exportd_outbox_oldest_seconds", "Age of the oldest notification that is due.", registry=of
        )
        self._notifications = Counter(
            "exportd_notifications",
            "Attempts to deliver a notification, by outcome: `sent`, `again` (it will be retried), `given_up`.",
            ["channel", "outcome"],
            registry=of,
        )

    def follow(
        self, announcements: Announcements, preview_desk: PreviewDesk, hears: Callable[[], bool] | None = None
    ) -> None:
        """Set what the gauges of waiting polls, waiting previews and received hints show when they are read."""
        self._polls_waiting.set_function(lambda: float(announcements.polls_waiting))
        self._previews_waiting.set_function(lambda: float(preview_desk.waiting))
        if hears:
            self._hears.set_function(lambda: float(hears()))

    # ---- calls

    def called(self, method: str, code: str, seconds: float) -> None:
        """Count a call that has ended."""
        self._calls_of(method, code).inc()
        self._call_seconds_of(method).observe(seconds)

    def fenced(self, verb: str) -> None:
        """Count a call that was refused because its lease is no longer in force."""
        self._fenced.labels(verb).inc()

    # ---- the queue

    def queue_is(self, depth: Depth) -> None:
        """Set the gauges of the queue."""
        for state in (State.QUEUED, State.PROCESSING, State.FAILED):
            self._depth.labels(state.name).set(depth.counts.get(state, 0))
        self._oldest.set(depth.oldest.total_seconds())

    def leased(self, export: Export) -> None:
        """Record how long an export waited that is leased for the first time."""
        if export.attempt == 1 and export.start_time:
            self._wait_seconds.observe((export.start_time - export.create_time).total_seconds())

    def expired(self, export: Export) -> None:
        """Count an expired lease.

        If it was never confirmed, the export is QUEUED and the lease is counted as unconfirmed, too.
        """
        self._expired.inc()
        if export.state is State.QUEUED:
            self._unconfirmed.inc()

    def completed(self, export: Export) -> None:
        """Count a completed export, its rows and its bytes."""
        if export.file and export.duration:
            self._run_seconds.labels(export.format.value).observe(export.duration.total_seconds())
            self._rows.inc(export.file.row_count)
            self._bytes.inc(sum(f.artifact.size_bytes for f in (export.file, export.attachments_file) if f))

    # ---- periodic tasks

    def swept(self, leases: int, rows: int) -> None:
        """Count what a sweep removed."""
        self._swept_leases.inc(leases)
        self._swept_rows.inc(rows)

    def outbox_is(self, oldest: timedelta) -> None:
        """Set the gauge of the outbox."""
        self._outbox_oldest.set(oldest.total_seconds())

    def notified(self, channel: str, outcome: str) -> None:
        """Count an attempt to send a notification."""
        self._notifications.labels(channel, outcome).inc()
