"""Logs: a constant event and its fields, one JSON object a line; on a terminal the form for people.

Whatever a line is given, it is cut here: what callers and sources send may be long.
"""

import io
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, TextIO

import structlog

from services.runtime import stderr

Log = structlog.stdlib.BoundLogger

MAX_CAUSES = 8
MAX_VALUE_CHARACTERS = 500
"""Of one text in a line."""

MAX_LINE_CHARACTERS = 16_000
"""Of all texts in a line: a traceback with its causes."""

MAX_ITEMS = 100
"""Of a list or an object in a line."""


_json = json.JSONEncoder()
_bound: ContextVar[Mapping[str, object]] = ContextVar("fields of lines", default=MappingProxyType({}))

# Without local variables: they may hold secrets.
_traceback = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def _with_causes(_log: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A cause that was never raised itself, as in `raise … from Cause(…)`, has no traceback, and would be left out."""
    raised: BaseException | None = sys.exc_info()[1] if event.get("exc_info") is True else None
    while raised is not None:
        cause = raised.__cause__
        if cause is not None and cause.__traceback__ is None:
            cause.__traceback__ = _last(raised.__traceback__)
        raised = cause
    return event


def _last(frames: TracebackType | None) -> TracebackType | None:
    while frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
    return frames


def configure(service: str, style: str) -> None:
    """Set up logging of this process to stderr. `style`: json, human, or auto (human on a terminal)."""
    human = style == "human" or (style == "auto" and sys.stderr.isatty())
    console = structlog.dev.ConsoleRenderer(exception_formatter=_short_traceback)
    shown: list[structlog.typing.Processor] = [_cut_for_people] if human else [_with_causes, _traceback, _cut]
    renderer: Any = console if human else structlog.processors.JSONRenderer(serializer=_as_json)
    structlog.configure(
        processors=[
            with_bound,
            _of_service(service),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *shown,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=_lines_to(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _take_over_libraries()


def _lines_to(file: TextIO) -> Callable[..., Any]:
    """What makes loggers. Where lines of one turn of the loop can be written together, those of `info` are."""
    writer = getattr(file, "buffer", None)
    if not isinstance(writer, stderr.LossyWriter):
        return structlog.WriteLoggerFactory(file=file)
    lines = _Lines(writer)
    return lambda *_: lines


class _Lines:
    """A logger of structlog: each line goes to the writer as it is."""

    def __init__(self, writer: stderr.LossyWriter) -> None:
        self._writer = writer
        self.warning = self.error = self.critical = self.exception = self.fatal = self.msg = self._now

    def debug(self, line: str) -> None:
        """Nothing hangs on when it is written."""
        self._writer.write_soon(f"{line}\n".encode(errors="backslashreplace"))

    info = debug

    def _now(self, line: str) -> None:
        self._writer.write(f"{line}\n".encode(errors="backslashreplace"))


def begin(**fields: object) -> None:
    """Put these fields, and no others, into every line that this task writes from now on."""
    _bound.set(fields)


def bind(**fields: object) -> None:
    """Put more fields into every line that this task writes from now on."""
    _bound.set({**_bound.get(), **fields})


def with_bound(_log: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The processor that puts them there; what a line itself says counts."""
    return {**_bound.get(), **event}


def get() -> Log:
    """The logger of this process."""
    log: Log = structlog.get_logger()
    return log


def _as_json(event: Mapping[str, Any], **_: object) -> str:
    """Of what `cut` has left, which is plain. In ASCII: no reader sees a line end or a terminal's word in a value."""
    return _json.encode(event)


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


# ---- what is cut


_MANY = (dict, list, tuple)
_PLAIN = frozenset({int, float, bool, type(None)})


class _Room:
    """What is left of a line's length."""

    def __init__(self) -> None:
        self._left = MAX_LINE_CHARACTERS

    def cut(self, value: Any) -> Any:
        """The value with its texts cut, as long as there is room."""
        self._left -= 1
        if self._left <= 0:
            return "…"
        match value:
            case None | bool() | int() | float():
                return value
            case dict():
                return {self._text(str(name)): self.cut(each) for name, each in [*value.items()][:MAX_ITEMS]}
            case list() | tuple():
                return [self.cut(each) for each in [*value][:MAX_ITEMS]]
            case _:
                return self._text(value if isinstance(value, str) else repr(value))

    def _text(self, text: str) -> str:
        most = max(0, min(MAX_VALUE_CHARACTERS, self._left))
        self._left -= min(len(text), most)
        return text if len(text) <= most else text[:most] + "…"


def cut(event: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a line, cut. Texts are there whatever else is: lists and objects share what is left."""
    room = _Room()
    return {name: value if _is_short(value) else _cut_value(value, room) for name, value in event.items()}


def _is_short(value: Any) -> bool:
    """Most are: nothing is to be cut of them."""
    return len(value) <= MAX_VALUE_CHARACTERS if type(value) is str else type(value) in _PLAIN


def _cut_value(value: Any, shared: _Room) -> Any:
    return (shared if isinstance(value, _MANY) else _Room()).cut(value)


def _cut(_log: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return cut(event)


def _cut_for_people(_log: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Nor does anything move the cursor of their terminal."""
    raised = {name: event.pop(name) for name in ("exc_info",) if name in event}
    shown = {name: _printable(value) if isinstance(value, str) else value for name, value in cut(event).items()}
    return shown | raised


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _short_traceback(to: Any, exc_info: Any) -> None:
    whole = io.StringIO()
    structlog.dev.plain_traceback(whole, exc_info)
    room = _Room()
    to.write("\n".join(_printable(room.cut(line)) for line in whole.getvalue().splitlines()))


# ---- what libraries write


class _Library(logging.Handler):
    """A line of a library becomes one of ours. Of an exception the outline: its text may hold values of rows."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage().partition("\n")[0]
        cause = outline(record.exc_info[1]) if record.exc_info and record.exc_info[1] else []
        get().warning("library", logger=record.name, severity=record.levelname, message=text, cause=cause)


def _take_over_libraries() -> None:
    """Of gRPC the core, too, which would write past everything: what goes wrong with a call is told by its code."""
    root = logging.getLogger()
    root.handlers[:] = [*(each for each in root.handlers if not isinstance(each, _Library)), _Library()]
    root.setLevel(logging.WARNING)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
