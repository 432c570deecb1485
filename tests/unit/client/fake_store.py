"""An object store in a thread of this process, as far as a download by URL needs one."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class FakeStore(http.server.ThreadingHTTPServer):
    """Serves `content` at every path. What it does to the next answers is arranged in lists."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        # Instead of an answer with bytes: these statuses.
        self.statuses: list[int] = []
        # Answers end, without a word, after so many bytes.
        self.cuts: list[int] = []
        # As they were asked for: the first byte of each.
        self.offsets: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/bucket/key?X-Amz-Signature=secret"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: FakeStore

    def do_GET(self) -> None:
        store, span = self.server, self.headers.get("Range", "")
        offset = int(span.removeprefix("bytes=").removesuffix("-") or 0)
        store.offsets.append(offset)
        if store.statuses:
            self.send_response(store.statuses.pop(0))
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = store.content[offset:]
        self.send_response(206 if span else 200)
        if span:
            self.send_header("Content-Range", f"bytes {offset}-{len(store.content) - 1}/{len(store.content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: store.cuts.pop(0)] if store.cuts else body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def fake_store(content: bytes) -> Iterator[FakeStore]:
    with FakeStore(content) as store:
        thread = threading.Thread(target=store.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield store
        finally:
            store.shutdown()
            thread.join()
