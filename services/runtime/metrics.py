"""The Prometheus port."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from services.runtime.startup import CannotListen


class LostLogLines(Collector):
    """The counter of lines of the log that could not be written."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Its value now."""
        yield CounterMetricFamily("exportd_log_lines_lost", "Log lines that could not be written.", self._count())


@contextmanager
def served(address: str, registry: CollectorRegistry, setting: str) -> Iterator[None]:
    """Serve `registry` over HTTP on HOST:PORT, from a thread, until the context is left; nothing when it is empty.

    `setting` names the address. Raises CannotListen.
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
