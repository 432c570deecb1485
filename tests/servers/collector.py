"""A collector of OpenTelemetry on loopback. The official messages parse what it gets."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tests.patience import PATIENCE_S

Value = str | int | float | bool


@dataclass(frozen=True)
class Seen:
    """A span as it came in."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Value]
    links: tuple[str, ...]
    has_failed: bool
    begin_ns: int
    end_ns: int


@dataclass
class Collector:
    """`bodies` and `headers` are those of the requests. `status` is what it answers."""

    url: str = ""
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        with self.came:
            if self.status < 300:
                self.bodies.append(body)
            self.headers.append(headers)
            self.came.notify_all()
            return self.status

    @property
    def spans(self) -> list[Seen]:
        return [span for body in [*self.bodies] for span in _spans(body)]

    def wait_until(self, is_there: Callable[[list[Seen]], bool]) -> list[Seen]:
        """The spans as soon as the condition holds."""
        with self.came:
            assert self.came.wait_for(lambda: is_there(self.spans), PATIENCE_S), [s.name for s in self.spans]
        return self.spans

    def wait_for(self, trace_id: str, *names: str) -> list[Seen]:
        """The spans of a trace as soon as it has all of these."""
        spans = self.wait_until(lambda spans: {*names} <= {s.name for s in spans if s.trace_id == trace_id})
        return [span for span in spans if span.trace_id == trace_id]


def _spans(body: bytes) -> Iterator[Seen]:
    for of in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = {each.key: each.value.string_value for each in of.resource.attributes}
        for span in (span for scope in of.scope_spans for span in scope.spans):
            yield Seen(
                service=resource["service.name"],
                name=span.name,
                trace_id=span.trace_id.hex(),
                span_id=span.span_id.hex(),
                parent_id=span.parent_span_id.hex(),
                attributes={a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes},
                links=tuple(link.trace_id.hex() for link in span.links),
                has_failed=span.status.code == Status.STATUS_CODE_ERROR,
                begin_ns=span.start_time_unix_nano,
                end_ns=span.end_time_unix_nano,
            )


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known = self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf"
            status = collector.take(body, dict(self.headers)) if known else 404
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
