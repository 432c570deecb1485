"""The HTTP port for Prometheus."""

import http.client
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from services.runtime.settings import reached
from services.runtime.startup import CannotListen


class LostLogLines(Collector):
    """Counts log lines that could not be written."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the present value."""
        yield CounterMetricFamily("exportd_log_lines_lost", "Log lines that could not be written.", self._count())


@contextmanager
def served(address: str, registry: CollectorRegistry, setting: str) -> Iterator[None]:
    """Serve `registry` over HTTP on HOST:PORT in a thread while the context lasts. With an empty address, do nothing.

    `setting` is the setting with the address. Raises CannotListen.
    """
    if not address:
        yield
        return
    host, _, port = address.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
    except OSError as refused:
        raise CannotListen(address, setting) from refused
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def fetched(address: str, timeout_s: float) -> str | None:
    """Return the metrics that a process of this machine serves at `address`; None if it does not answer."""
    host, _, port = reached(address).rpartition(":")
    with closing(http.client.HTTPConnection(host.strip("[]"), int(port), timeout=timeout_s)) as endpoint:
        try:
            endpoint.request("GET", "/metrics")
            return endpoint.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            return None
