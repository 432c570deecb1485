"""The spans of calls and requests that a process serves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from services.runtime.tracing.context import TraceContext, parsed
from services.runtime.tracing.tracer import NO_TRACER, Span, Tracer
from services.runtime.tracing.words import Attributes, Kind

MAX_FORCED_TRACES_PER_S = 100
"""How many traces callers can have recorded in a second by a `traceparent` that says so."""


class ForcedTraces:
    """Limits how often callers decide that a trace is recorded. Beyond that, a `share` of the traces is, 0 to 1.

    `monotonic` returns seconds and never goes back, `random` a number from 0 to below 1. The sampler cannot decide for
    a caller who is refused the decision: it looks at the id of the trace, which the caller has chosen.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        random: Callable[[], float],
        share: float,
        per_s: int = MAX_FORCED_TRACES_PER_S,
    ) -> None:
        self._monotonic = monotonic
        self._random = random
        self._share = share
        self._per_s = per_s
        self._left = float(per_s)
        self._seen = monotonic()

    def within(self, parent: TraceContext | None) -> TraceContext | None:
        """Return the context of a caller, with another decision if the caller has decided too often."""
        if parent is None or not parent.is_sampled or self._takes() or self._random() < self._share:
            return parent
        return replace(parent, is_sampled=False)

    def _takes(self) -> bool:
        now = self._monotonic()
        self._left = min(float(self._per_s), self._left + (now - self._seen) * self._per_s)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(frozen=True, slots=True)
class Serving:
    """Makes the spans. With `forced`, callers are not trusted. A call without a context begins a trace if `begins`."""

    tracer: Tracer = NO_TRACER
    forced: ForcedTraces | None = None
    begins: bool = False

    def span(self, name: str, traceparents: Sequence[str], attributes: Attributes) -> Span:
        """Return the span of a call. `traceparents` are the values that the caller sent; invalid ones are ignored."""
        parent = parsed(traceparents) if traceparents else None
        if self.forced:
            parent = self.forced.within(parent)
        return self.tracer.span(name, parent, attributes, Kind.SERVER, begins=self.begins)


NOT_TRACED = Serving()
