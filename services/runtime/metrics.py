"""The Prometheus port."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from services.runtime.startup import CannotListen


@contextmanager
def served(address: str, registry: CollectorRegistry) -> Iterator[None]:
    """Serve `registry` over HTTP on HOST:PORT, from a thread, until the context is left; nothing when it is empty.

    Raises CannotListen.
    """
    if not address:
        yield
        return
    host, _, port = address.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
    except OSError as refused:
        raise CannotListen(address) from refused
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
