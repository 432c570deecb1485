"""What a worker shows to Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 21_600)


class WorkerMetrics:
    """The figures of one worker, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.run_seconds = Histogram(
            "exportd_run_seconds", "How long attempts took.", ["format"], buckets=_SECONDS, registry=registry
        )
        self.rows = Counter("exportd_rows", "Rows in the files that were completed.", registry=registry)
        self.bytes = Counter("exportd_bytes", "Bytes of the files that were completed.", registry=registry)
        self.attempts = Counter("exportd_attempts", "Attempts by how they ended.", ["outcome"], registry=registry)
        self.cancel_to_stop = Histogram(
            "exportd_cancel_to_stop_seconds",
            "From hearing of a cancel to the end of the process and its files.",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=registry,
        )
        self._busy = Gauge("exportd_slots_busy", "Slots with work in them.", registry=registry)
        self._ready = Gauge(
            "exportd_worker_ready",
            "1 while the api answers and the worker is healthy.",
            registry=registry,
        )
        self._problems = Gauge(
            "exportd_worker_problems", "What fails in the worker's own surroundings now.", registry=registry
        )

    def follow(self, busy: Callable[[], int], ready: Callable[[], bool], problems: Callable[[], int]) -> None:
        """Where the gauges look when they are read."""
        self._busy.set_function(lambda: float(busy()))
        self._ready.set_function(lambda: float(ready()))
        self._problems.set_function(lambda: float(problems()))
