"""The context of a trace, as processes hand it on: the header `traceparent` of W3C Trace Context.

`tracestate` is neither read nor sent: it is free text of a caller's own systems.
"""

import re
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass

TRACEPARENT = "traceparent"
"""The name of the header, and the key of the metadata."""

MAX_TRACEPARENT_CHARACTERS = 128
"""A later version may have more fields than the four of version 00, which have 55 characters."""

_FORM = re.compile("([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?")
_NO_VERSION, _FIRST_VERSION = "ff", "00"
_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span: the trace, 32 hexadecimal digits, and the span, 16. Spans below it are recorded if it `is_sampled`."""

    trace_id: str
    span_id: str
    is_sampled: bool

    def __str__(self) -> str:
        """Return it as a `traceparent`."""
        return f"{_FIRST_VERSION}-{self.trace_id}-{self.span_id}-{int(self.is_sampled):02x}"


CURRENT: ContextVar[TraceContext | None] = ContextVar("trace context", default=None)
"""The span that the current task works on."""


def parsed(values: Sequence[str]) -> TraceContext | None:
    """Return what the values of the header say; None unless there is exactly one valid value."""
    if len(values) != 1 or len(values[0]) > MAX_TRACEPARENT_CHARACTERS:
        return None
    found = _FORM.fullmatch(values[0])
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == _NO_VERSION or (version == _FIRST_VERSION and more) or not (int(trace_id, 16) and int(span_id, 16)):
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


def carried(text: str) -> TraceContext | None:
    """Return the context that a job or a notification carries; None if it carries none."""
    return parsed([text]) if text else None


def current_text() -> str:
    """Return the current context as a `traceparent`; empty if there is none."""
    current = CURRENT.get()
    return str(current) if current else ""


def outgoing() -> tuple[tuple[str, str], ...]:
    """Return the metadata that hands the current context on to another process."""
    text = current_text()
    return ((TRACEPARENT, text),) if text else ()


def log_fields() -> dict[str, str]:
    """Return the field that lines of the log have while there is a context."""
    current = CURRENT.get()
    return {"trace_id": current.trace_id} if current else {}
