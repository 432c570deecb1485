"""Collectors that are dead, slow or hostile: nobody waits for them, memory is bounded, and the log has one line."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import structlog

from services.runtime.tracing.context import TraceContext, current_text, parsed
from services.runtime.tracing.otlp import post, sending
from services.runtime.tracing.otlp.recorder import Recorder, recorder
from services.runtime.tracing.settings import TRACES_PATH, TracingSettings
from services.runtime.tracing.words import Attribute
from tests.patience import PATIENCE_S
from tests.servers.collector import collecting
from tests.threads import ended

PARENT = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", is_sampled=True)
SECRET = "planted-secret"


def to(url: str, **more: object) -> Recorder:
    settings = TracingSettings(endpoint=url + TRACES_PATH, service="exportd-test", **more)  # type: ignore[arg-type]
    return recorder(settings, "process", time.monotonic)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Short times, and an end of each thread: else it would write into the log that the next test captures."""
    monkeypatch.setattr(sending, "SENT_EACH_S", 0.02)
    monkeypatch.setattr(post, "TIMEOUT_S", 0.2)
    with ended():
        yield


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that takes what comes and answers so."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(1 << 20)
                        answer(connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)


def endless(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"x" * 65536)


def trickling(connection: socket.socket) -> None:
    pause = threading.Event()
    for byte in b"HTTP/1.1 200 OK\r\n" * 1000:
        connection.sendall(bytes([byte]))
        pause.wait(0.05)


HOSTILE = {
    "endless": endless,
    "trickling": trickling,
    "silent": lambda connection: connection.recv(1) and None,
    "closing": lambda connection: None,
    "garbage": lambda connection: connection.sendall(b"\x00\xff\r\n\r\n"),
    "redirecting": lambda connection: connection.sendall(b"HTTP/1.1 307 x\r\nLocation: http://192.0.2.1/\r\n\r\n"),
    "refusing": lambda connection: connection.sendall(b"HTTP/1.1 401 x\r\n\r\n"),
    "failing": lambda connection: connection.sendall(b"HTTP/1.1 503 x\r\n\r\n"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_collector_costs_its_spans_and_one_line(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "MAX_SPANS_WAITING", 20)
    failed = threading.Event()
    monkeypatch.setattr(sending.Sending, "_failed", _noting(sending.Sending._failed, failed))
    with structlog.testing.capture_logs() as lines, answering(HOSTILE[kind]) as url:
        tracer = to(url, headers={"authorization": SECRET})
        for _ in range(200):
            with tracer.span("x", PARENT):
                pass
        assert failed.wait(PATIENCE_S)
        tracer.close()
    assert [line["event"] for line in lines] == ["traces_not_sent"]
    assert SECRET not in str(lines)


def _noting(method: Callable[..., None], noted: threading.Event) -> Callable[..., None]:
    def call(self: sending.Sending, why: str) -> None:
        method(self, why)
        noted.set()

    return call


def test_a_dead_collector_holds_up_the_end_no_longer_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread is in the middle of a request that does not end, and the end of the process goes on."""
    monkeypatch.setattr(sending, "CLOSED_WITHIN_S", 0.1)
    monkeypatch.setattr(post, "TIMEOUT_S", 2 * PATIENCE_S)
    held = threading.Event()
    with answering(lambda _: held.wait(2 * PATIENCE_S) and None) as url:
        tracer = to(url)
        with tracer.span("x", PARENT):
            pass
        closing = threading.Thread(target=tracer.close, daemon=True)
        closing.start()
        closing.join(PATIENCE_S)
        assert not closing.is_alive()
        held.set()


def test_what_waits_is_sent_when_the_collector_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with structlog.testing.capture_logs() as lines, collecting() as collector:
        collector.status = 503
        tracer = to(collector.url)
        with tracer.span("kept", PARENT):
            pass
        with collector.came:
            assert collector.came.wait_for(lambda: len(collector.headers) > 1, PATIENCE_S), "it is tried again"
            collector.status = 200
        assert [span.name for span in collector.wait_until(bool)] == ["kept"]
        tracer.close()
    assert [line["event"] for line in lines] == ["traces_not_sent", "traces_sent_again"]


def fail_in(tracer: Recorder) -> None:
    with tracer.span("failed", PARENT) as span:
        span.note({Attribute.ROWS: 3})
        raise KeyError(SECRET)


def test_the_last_spans_are_sent_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "SENT_EACH_S", 2 * PATIENCE_S)
    with collecting() as collector:
        tracer = to(collector.url, headers={"x-key": SECRET}, resource={"team": "a"})
        with pytest.raises(KeyError):
            fail_in(tracer)
        tracer.past("past", PARENT, 5, 4)
        tracer.close()
        failed, past = collector.spans
    assert failed.has_failed
    assert failed.attributes == {"exportd.rows": 3, "error.type": "KeyError"}
    assert (past.begin_ns, past.end_ns, past.parent_id) == (5, 5, PARENT.span_id)
    assert collector.headers[0]["x-key"] == SECRET
    assert SECRET.encode() not in b"".join(collector.bodies)


@pytest.mark.parametrize(
    ("sampler", "ratio", "sampled_parent", "unsampled_parent", "no_parent"),
    [
        ("parentbased_always_on", 1.0, True, False, True),
        ("parentbased_always_off", 1.0, True, False, False),
        ("parentbased_traceidratio", 0.0, True, False, False),
        ("parentbased_traceidratio", 1.0, True, False, True),
        ("traceidratio", 0.0, False, False, False),
        ("always_off", 1.0, False, False, False),
        ("always_on", 1.0, True, True, True),
    ],
)
def test_the_sampler_decides(
    sampler: str, ratio: float, sampled_parent: bool, unsampled_parent: bool, no_parent: bool
) -> None:
    with collecting() as collector:
        tracer = to(collector.url, sampler=sampler, ratio=ratio)
        unsampled = TraceContext(PARENT.trace_id, PARENT.span_id, is_sampled=False)
        cases = {"sampled": PARENT, "unsampled": unsampled, "none": None}
        for name, parent in cases.items():
            with tracer.span(name, parent, begins=True):
                pass
        tracer.close()
        seen = {span.name for span in collector.spans}
        assert TracingSettings(sampler=sampler, ratio=ratio).share == no_parent
    expected = {"sampled": sampled_parent, "unsampled": unsampled_parent, "none": no_parent}
    assert seen == {name for name, is_recorded in expected.items() if is_recorded}


def test_a_span_that_is_not_recorded_hands_on_a_context_that_says_so() -> None:
    with collecting() as collector:
        tracer = to(collector.url, sampler="parentbased_always_off")
        with tracer.span("root", None, begins=True):
            handed = parsed([current_text()])
        assert handed is not None
        assert not handed.is_sampled
        tracer.close()
