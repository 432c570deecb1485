"""Records spans with OpenTelemetry's SDK."""

import secrets
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Self

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context
from opentelemetry.trace import Span as SdkSpan
from opentelemetry.trace import Tracer as SdkTracer
from opentelemetry.trace.status import Status, StatusCode

from services.runtime.tracing.context import CURRENT, TraceContext
from services.runtime.tracing.otlp.post import collector
from services.runtime.tracing.otlp.sending import Sending
from services.runtime.tracing.settings import TracingSettings
from services.runtime.tracing.tracer import NO_ATTRIBUTES, NOTHING, Span
from services.runtime.tracing.words import Attribute, Attributes, Kind, Value

if TYPE_CHECKING:
    from contextvars import Token

_LIMITS = SpanLimits(
    max_attributes=32,
    max_events=1,
    max_links=4,
    max_span_attributes=32,
    max_event_attributes=1,
    max_link_attributes=1,
    max_attribute_length=256,
    max_span_attribute_length=256,
)
"""All of them, because the SDK would take those that are not given from the environment."""


def recorder(settings: TracingSettings, process_id: str, monotonic: Callable[[], float]) -> "Recorder":
    """Return a tracer that sends to the collector of the settings. Raises CannotStart."""
    sending = Sending(collector(settings.endpoint, settings.headers, settings.authority, monotonic).post)
    of_process = {
        **settings.resource,
        "service.name": settings.service,
        "service.version": version("exportd"),
        "service.instance.id": process_id or secrets.token_hex(16),
    }
    provider = TracerProvider(
        sampler(settings.sampler, settings.ratio), Resource(of_process), shutdown_on_exit=False, span_limits=_LIMITS
    )
    provider.add_span_processor(sending)
    return Recorder(provider)


def sampler(name: str, ratio: float) -> Sampler:
    """Return a sampler of OTEL_TRACES_SAMPLER."""
    kind = name.removeprefix("parentbased_")
    own = TraceIdRatioBased(ratio) if kind == "traceidratio" else ALWAYS_ON if kind == "always_on" else ALWAYS_OFF
    return ParentBased(own) if name.startswith("parentbased_") else own


class Recorder:
    """A Tracer."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("exportd")

    def span(
        self,
        name: str,
        parent: TraceContext | None,
        /,
        attributes: Attributes = NO_ATTRIBUTES,
        kind: Kind = Kind.INTERNAL,
        *,
        begins: bool = False,
    ) -> Span:
        """See Tracer."""
        return _Recorded(self._tracer, name, parent, attributes, kind) if parent or begins else NOTHING

    def past(  # noqa: PLR0917 - as in Tracer
        self,
        name: str,
        parent: TraceContext | None,
        begin_ns: int,
        end_ns: int,
        /,
        attributes: Attributes = NO_ATTRIBUTES,
        failed: str = "",
    ) -> None:
        """See Tracer."""
        if parent is None:
            return
        span = self._tracer.start_span(name, _below(parent), attributes=_plain(attributes), start_time=begin_ns)
        if failed:
            _fail(span, failed)
        span.end(max(begin_ns, end_ns))

    def close(self) -> None:
        """See Tracer."""
        self._provider.shutdown()


class _Recorded:
    """A span that the SDK records if it is sampled."""

    def __init__(
        self, tracer: SdkTracer, name: str, parent: TraceContext | None, attributes: Attributes, kind: Kind
    ) -> None:
        self._tracer = tracer
        self._name = name
        self._parent = parent
        self._attributes = attributes
        self._kind = kind
        self._span: SdkSpan = NonRecordingSpan(SpanContext(0, 0, is_remote=False))
        self._token: Token[TraceContext | None] | None = None
        self._has_failed = False

    def __enter__(self) -> Self:
        of = _plain(self._attributes)
        self._span = self._tracer.start_span(self._name, _below(self._parent), SpanKind[self._kind.name], of)
        self._token = CURRENT.set(_context_of(self._span))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is not None and not self._has_failed and self._kind is not Kind.SERVER:
            self.fail(kind.__name__)
        self._span.end()
        if self._token:
            CURRENT.reset(self._token)

    def note(self, attributes: Attributes) -> None:
        self._span.set_attributes(_plain(attributes))

    def fail(self, code: str) -> None:
        self._has_failed = True
        _fail(self._span, code)

    def link(self, other: TraceContext | None) -> None:
        if other:
            self._span.add_link(_span_context(other))


def _plain(attributes: Attributes) -> dict[str, Value]:
    return {str(name): value for name, value in attributes.items()}


def _fail(span: SdkSpan, code: str) -> None:
    span.set_attribute(Attribute.ERROR_TYPE, code)
    span.set_status(Status(StatusCode.ERROR))


def _context_of(span: SdkSpan) -> TraceContext:
    of = span.get_span_context()
    return TraceContext(f"{of.trace_id:032x}", f"{of.span_id:016x}", of.trace_flags.sampled)


def _span_context(of: TraceContext) -> SpanContext:
    flags = TraceFlags.SAMPLED if of.is_sampled else TraceFlags.DEFAULT
    return SpanContext(int(of.trace_id, 16), int(of.span_id, 16), is_remote=True, trace_flags=TraceFlags(flags))


def _below(parent: TraceContext | None) -> Context:
    return set_span_in_context(NonRecordingSpan(_span_context(parent)), Context()) if parent else Context()
