"""A server as another one, through a relay that counts what it answers."""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_CHUNK_BYTES = 1 << 16


class CountingRelay(socketserver.ThreadingTCPServer):
    """Listens at `endpoint` for the server at another one; `answered_bytes` came from there so far."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, endpoint: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        parts = urlsplit(endpoint)
        self.upstream = (parts.hostname, parts.port)
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        self.answered_bytes = 0
        self._lock = threading.Lock()

    def count(self, size: int) -> None:
        """Note so many bytes of an answer."""
        with self._lock:
            self.answered_bytes += size


class _Connection(socketserver.BaseRequestHandler):
    server: CountingRelay

    def handle(self) -> None:
        with socket.create_connection(self.server.upstream) as upstream:
            requests = threading.Thread(target=_passed_on, args=(self.request, upstream, lambda _: None), daemon=True)
            requests.start()
            _passed_on(upstream, self.request, self.server.count)


def _passed_on(source: socket.socket, target: socket.socket, count: Callable[[int], None]) -> None:
    """Everything until one of both ends."""
    with suppress(OSError):
        while chunk := source.recv(_CHUNK_BYTES):
            count(len(chunk))
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def counting_relay(endpoint: str) -> Iterator[CountingRelay]:
    """A relay to the server at `http://HOST:PORT`, until the context is left."""
    with CountingRelay(endpoint) as relay:
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        try:
            yield relay
        finally:
            relay.shutdown()
