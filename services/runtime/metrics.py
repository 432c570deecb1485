"""The Prometheus port."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server


@contextmanager
def served(address: str, registry: CollectorRegistry) -> Iterator[None]:
    """Serve `registry` over HTTP on HOST:PORT, from a thread, until the context is left; nothing when it is empty."""
    if not address:
        yield
        return
    host, _, port = address.rpartition(":")
    server, thread = start_http_server(int(port), host.strip("[]"), registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
