"""Records spans. Without a collector nothing is recorded, but the context of a caller is still handed on."""

from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, Self

from services.runtime.tracing.context import CURRENT, TraceContext
from services.runtime.tracing.words import Attributes, Kind

if TYPE_CHECKING:
    from contextvars import Token

NO_ATTRIBUTES: Attributes = MappingProxyType({})


class Span(Protocol):
    """A span. As a context manager it is the current one, and it ends with it.

    An exception is noted by its class, except by the span of a server, to which an exception may be an answer.
    """

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None: ...

    def note(self, attributes: Attributes) -> None:
        """Add attributes."""
        ...

    def fail(self, code: str) -> None:
        """Mark the span as failed, for a reason that is a code."""
        ...

    def link(self, other: TraceContext | None) -> None:
        """Say that a span of another trace belongs to the same event."""
        ...


class Tracer(Protocol):
    """Records spans. No method blocks, and none raises."""

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
        """Return a span that begins when it is entered. Without a parent there is one only if it `begins` a trace."""
        ...

    def past(  # noqa: PLR0917 - a span, and its two times
        self,
        name: str,
        parent: TraceContext | None,
        begin_ns: int,
        end_ns: int,
        /,
        attributes: Attributes = NO_ATTRIBUTES,
        failed: str = "",
    ) -> None:
        """Record a span that has ended. Times are nanoseconds since 1970. `failed` is the code of its failure."""
        ...

    def close(self) -> None:
        """Send what is left, for a bounded time. This blocks."""
        ...


class Passing:
    """A span that is not recorded. Within it the context is that of its parent."""

    def __init__(self, parent: TraceContext) -> None:
        self._parent = parent
        self._token: Token[TraceContext | None] | None = None

    def __enter__(self) -> Self:
        self._token = CURRENT.set(self._parent)
        return self

    def __exit__(self, *_: object) -> None:
        if self._token:
            CURRENT.reset(self._token)

    def note(self, attributes: Attributes) -> None:
        """See Span."""

    def fail(self, code: str) -> None:
        """See Span."""

    def link(self, other: TraceContext | None) -> None:
        """See Span."""


class Nothing:
    """No span."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def note(self, attributes: Attributes) -> None:
        """See Span."""

    def fail(self, code: str) -> None:
        """See Span."""

    def link(self, other: TraceContext | None) -> None:
        """See Span."""


NOTHING = Nothing()


class NoTracer:
    """Records nothing."""

    def span(self, _name: str, parent: TraceContext | None, /, *_: object, **__: object) -> Span:
        """See Tracer."""
        return Passing(parent) if parent else NOTHING

    def past(self, *_: object, **__: object) -> None:
        """See Tracer."""

    def close(self) -> None:
        """See Tracer."""


NO_TRACER = NoTracer()
