"""`exportd-worker health`: what a container or a service manager learns of a worker by it."""

import io

import pytest

from demo.ports import free_port
from services.runtime.metrics import served
from services.runtime.startup import CannotStart
from services.worker import health
from services.worker.metrics import WorkerMetrics

SOURCES = {"EXPORTD_SOURCES": "sources.toml"}


def asked(metrics: str) -> tuple[int, str]:
    out = io.StringIO()
    return health.run((), SOURCES | {"EXPORTD_WORKER_METRICS": metrics}, out), out.getvalue()


@pytest.mark.parametrize(
    ("ready", "problems", "answer"),
    [(True, 0, (0, "READY\n")), (False, 2, (1, "NOT_READY (2 problems)\n")), (True, 1, (0, "READY\n"))],
)
def test_the_gauges_of_a_worker_are_its_health(ready: bool, problems: int, answer: tuple[int, str]) -> None:
    metrics = WorkerMetrics()
    metrics.follow(lambda: 0, lambda: ready, lambda: problems)
    address = f"127.0.0.1:{free_port()}"
    with served(address, metrics.registry, "EXPORTD_WORKER_METRICS"):
        assert asked(address) == answer
    assert asked(address) == (1, "UNAVAILABLE\n")


def test_without_metrics_it_says_which_setting_to_change() -> None:
    with pytest.raises(CannotStart, match="EXPORTD_WORKER_METRICS is off"):
        asked("off")
