"""Logs: a constant event and its fields, one JSON object a line; on a terminal the form for people."""

import sys
import traceback
from pathlib import Path
from typing import Any

import structlog

Log = structlog.stdlib.BoundLogger

MAX_CAUSES = 8


# Without local variables: they may hold secrets.
_traceback = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def configure(service: str, style: str) -> None:
    """Set up logging of this process to stderr. `style`: json, human, or auto (human on a terminal)."""
    human = style == "human" or (style == "auto" and sys.stderr.isatty())
    console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer: Any = console if human else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _of_service(service),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if human else [_traceback]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def bind(**fields: object) -> None:
    """Put fields into every line that this task writes from now on."""
    structlog.contextvars.bind_contextvars(**fields)


def get() -> Log:
    """The logger of this process."""
    log: Log = structlog.get_logger()
    return log


def _of_service(service: str) -> structlog.typing.Processor:
    def add(_log: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {**event, "service": service}

    return add


def outline(raised: BaseException) -> list[str]:
    """What was raised and from what: classes and lines, never a text, which may hold values of rows."""
    parts: list[str] = []
    cause: BaseException | None = raised
    while cause is not None and len(parts) < MAX_CAUSES:
        frames = traceback.extract_tb(cause.__traceback__)
        where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        error_number = f" errno {cause.errno}" if isinstance(cause, OSError) and cause.errno else ""
        parts.append(f"{type(cause).__module__}.{type(cause).__qualname__}{error_number}{where}")
        cause = cause.__cause__ or cause.__context__
    return parts
