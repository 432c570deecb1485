"""docs/reference/metrics.md: what the registries of the services hold."""

from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from services.api.metrics import ApiMetrics
from services.gateway.metrics import GatewayMetrics
from services.runtime.metrics import LostLogLines
from services.worker.metrics import WorkerMetrics

HEAD = ("metric", "type", "labels", "meaning")


def api_rows() -> list[tuple[str, ...]]:
    """Those of exportd-api."""
    return _rows(ApiMetrics().registry)


def worker_rows() -> list[tuple[str, ...]]:
    """Those of exportd-worker."""
    return _rows(WorkerMetrics().registry)


def gateway_rows() -> list[tuple[str, ...]]:
    """Those of exportd-gateway."""
    return _rows(GatewayMetrics().registry)


def _rows(registry: CollectorRegistry) -> list[tuple[str, ...]]:
    registry.register(LostLogLines(lambda: 0))  # as every service does when it starts
    collectors: list[Any] = list(registry._collector_to_names)
    return [_row(*described) for collector in collectors for described in _described(collector)]


def _described(collector: Any) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """Name, type, meaning and labels; a metric with labels that has no value yet would show none of them."""
    if isinstance(collector, MetricWrapperBase):
        yield collector._name, collector._type, collector._documentation, collector._labelnames
    else:
        yield from ((family.name, family.type, family.documentation, ()) for family in collector.collect())


def _row(name: str, kind: str, meaning: str, labels: tuple[str, ...]) -> tuple[str, ...]:
    full = f"{name}_total" if kind == "counter" else name
    return f"`{full}`", kind, ", ".join(f"`{label}`" for label in labels), meaning
