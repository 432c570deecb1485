"""The metrics of a gateway for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600)


class GatewayMetrics:
    """The metrics of one gateway, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "exportd_gateway_requests",
            "Requests by route and status.",
            ["route", "method", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "exportd_gateway_request_seconds",
            "Duration of requests, streams included, by route.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.sent_bytes = Counter("exportd_gateway_download_bytes", "Bytes of files sent.", registry=registry)
        self.refused_connections = Counter(
            "exportd_gateway_connections_refused",
            "Connections that were closed because there were too many.",
            registry=registry,
        )
        self.stalled_connections = Counter(
            "exportd_gateway_connections_stalled",
            "Connections that were cut off because their callers read nothing.",
            registry=registry,
        )
        self._connections = Gauge("exportd_gateway_connections", "Open connections.", registry=registry)
        self._ready = Gauge(
            "exportd_gateway_ready", "1 while the gateway serves and reaches the api, else 0.", registry=registry
        )

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that has ended."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def follow(self, connections: Callable[[], int], ready: Callable[[], bool]) -> None:
        """Set the functions that the gauges call when they are read."""
        self._connections.set_function(lambda: float(connections()))
        self._ready.set_function(lambda: float(ready()))
