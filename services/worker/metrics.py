"""The metrics of a worker for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 21_600)


class WorkerMetrics:
    """The metrics of one worker, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.run_seconds = Histogram(
            "exportd_run_seconds",
            "Duration of attempts, by file format.",
            ["format"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.rows = Counter("exportd_rows", "Rows in completed files.", registry=registry)
        self.bytes = Counter("exportd_bytes", "Bytes of completed files.", registry=registry)
        self.attempts = Counter(
            "exportd_attempts",
            "Attempts by outcome: `completed`, `failed`, `cancelled`, `lost` (the lease expired), `released` (given "
            "back), `orphaned` (the api did not answer), `broken` (a defect of the worker).",
            ["outcome"],
            registry=registry,
        )
        self.cancel_to_stop = Histogram(
            "exportd_cancel_to_stop_seconds",
            "Time from the notice of a cancellation until the job has stopped and its files are removed.",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=registry,
        )
        self._busy = Gauge("exportd_slots_busy", "Slots that run a job.", registry=registry)
        self._ready = Gauge(
            "exportd_worker_ready",
            "1 while the api answers and the worker is healthy, else 0.",
            registry=registry,
        )
        self._problems = Gauge(
            "exportd_worker_problems",
            "Problems of the worker itself: its store, disk, memory or sources.",
            registry=registry,
        )

    def follow(self, busy: Callable[[], int], ready: Callable[[], bool], problems: Callable[[], int]) -> None:
        """Set the functions that the gauges call when they are read."""
        self._busy.set_function(lambda: float(busy()))
        self._ready.set_function(lambda: float(ready()))
        self._problems.set_function(lambda: float(problems()))
