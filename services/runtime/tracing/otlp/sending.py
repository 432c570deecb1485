"""Sends spans from a thread of its own. Whoever ends a span never waits: if the collector is slow, spans are lost."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, auto

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from services.runtime import logs
from services.runtime.tracing.otlp.post import NotSent

MAX_SPANS_WAITING = 4096
MAX_SPANS_SENT = 512
"""The largest batch."""

SENT_EACH_S = 2.0
"""How long spans gather. After a failure it is also the pause before the batch is sent again."""

CLOSED_WITHIN_S = 5.0
"""How long the end of a process waits for the last batches."""


class _Fate(Enum):
    TAKEN = auto()
    LOST = auto()
    WAITS = auto()


class Sending(SpanProcessor):
    """Takes spans that have ended. A batch is kept until the collector has taken it, or has refused it for good.

    The log has one line when spans begin to be lost or delayed, and one when all that wait have been sent again.
    """

    def __init__(self, post: Callable[[bytes], None]) -> None:
        self._post = post
        self._waiting: deque[ReadableSpan] = deque()
        self._batch: list[ReadableSpan] = []
        self._lost = 0
        self._is_failing = False
        self._woken = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="exportd-traces")
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span, unless too many wait."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        if len(self._waiting) >= MAX_SPANS_WAITING:
            self._lost += 1
            self._failed("too many spans wait")
            return
        self._waiting.append(span)
        if len(self._waiting) >= MAX_SPANS_SENT:
            self._woken.set()

    def shutdown(self) -> None:
        """Send what waits, for at most CLOSED_WITHIN_S."""
        self._closing.set()
        self._woken.set()
        self._thread.join(CLOSED_WITHIN_S)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._woken.wait(SENT_EACH_S)
            self._woken.clear()
            if not self._send_all():
                self._closing.wait(SENT_EACH_S)
        self._send_all()

    def _send_all(self) -> bool:
        """Send batches until none is left. Return False as soon as one must be sent again."""
        fate = None
        while batch := self._next():
            fate = self._sent(batch)
            if fate is _Fate.WAITS:
                return False
            self._batch = []
        if fate is _Fate.TAKEN and self._is_failing:
            logs.get().warning("traces_sent_again", lost_spans=self._lost)
            self._is_failing, self._lost = False, 0
        return True

    def _next(self) -> Sequence[ReadableSpan]:
        if not self._batch:
            self._batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_SPANS_SENT))]
        return self._batch

    def _sent(self, batch: Sequence[ReadableSpan]) -> _Fate:
        try:
            self._post(encode_spans(batch).SerializeToString())
        except NotSent as refused:
            self._failed(refused.why)
            if refused.again:
                return _Fate.WAITS
        except Exception as raised:  # noqa: BLE001 - a defect must not end the thread
            self._failed(type(raised).__name__)
        else:
            return _Fate.TAKEN
        self._lost += len(batch)
        return _Fate.LOST

    def _failed(self, why: str) -> None:
        if not self._is_failing:
            self._is_failing = True
            logs.get().warning("traces_not_sent", why=why)
