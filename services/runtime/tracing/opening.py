"""Opens the tracer that the settings ask for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from services.runtime.startup import CannotStart
from services.runtime.tracing.settings import TracingSettings
from services.runtime.tracing.tracer import NO_TRACER, Tracer


@asynccontextmanager
async def tracing(
    settings: TracingSettings, monotonic: Callable[[], float], process_id: str = ""
) -> AsyncIterator[Tracer]:
    """Return a tracer, which sends its last spans when the context ends, for a bounded time.

    `process_id` identifies the process; empty: by a new one. Raises CannotStart.
    """
    tracer = _opened(settings, process_id, monotonic)
    try:
        yield tracer
    finally:
        if tracer is not NO_TRACER:
            await asyncio.to_thread(tracer.close)


def _opened(settings: TracingSettings, process_id: str, monotonic: Callable[[], float]) -> Tracer:
    if not settings.endpoint:
        return NO_TRACER
    try:
        from services.runtime.tracing.otlp.recorder import recorder  # noqa: PLC0415 - without a collector it is not needed
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "opentelemetry":
            raise
        raise CannotStart(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set: traces need pip install 'exportd[otel]', which is not installed"
        ) from missing
    return recorder(settings, process_id, monotonic)
