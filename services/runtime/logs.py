"""Logs: a constant event with fields, one JSON object per line, or a readable form on a terminal.

Every line is cut, because what callers and sources send may be long.
"""

import io
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, TextIO

from services.runtime import stderr
from services.runtime.interpreter.imports import without

with without("rich"):  # no line is made by it, and it takes as long as all other modules of a log
    import structlog

Log = structlog.stdlib.BoundLogger

MAX_CAUSES = 8
MAX_VALUE_CHARACTERS = 500
"""Longest text of one value in a line."""

MAX_LINE_CHARACTERS = 16_000
"""Longest total of all texts in a line: a traceback with its causes."""

MAX_ITEMS = 100
"""Most items of a list or an object in a line."""


_json = json.JSONEncoder()
_stamped = structlog.processors.TimeStamper(fmt="iso", utc=True)
_plain_lines: "_PlainLines | None" = None
_bound: ContextVar[Mapping[str, object]] = ContextVar("fields of lines", default=MappingProxyType({}))

# Local variables are left out: they may hold secrets.
_traceback = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def _with_causes(_log: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Give each cause that was never raised (as in `raise … from Cause(…)`) a traceback.

    Without one, it would be left out.
    """
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


def configure(service: str, style: str, **more: object) -> None:
    """Set up logging of this process to stderr. `style`: json, human, or auto (human on a terminal).

    `more` are fields of every line.
    """
    human = style == "human" or (style == "auto" and sys.stderr.isatty())
    console = structlog.dev.ConsoleRenderer(exception_formatter=_short_traceback)
    shown: list[structlog.typing.Processor] = [_cut_for_people] if human else [_with_causes, _traceback, _cut]
    renderer: Any = console if human else structlog.processors.JSONRenderer(serializer=_as_json)
    of_process = {**more, "service": service}
    processors: list[structlog.typing.Processor] = [
        with_bound,
        _of_process(of_process),
        structlog.processors.add_log_level,
        _stamped,
        *shown,
        renderer,
    ]
    lines = _lines_to(sys.stderr)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=lines,
        cache_logger_on_first_use=False,
    )
    _take_over_libraries()
    global _plain_lines  # noqa: PLW0603 - what structlog keeps of its configuration is global, too
    _plain_lines = None if human else _PlainLines(of_process, processors, lines())


def _lines_to(file: TextIO) -> Callable[..., Any]:
    """Return the factory of loggers. If possible, `info` lines of one turn of the event loop are written together."""
    writer = getattr(file, "buffer", None)
    if not isinstance(writer, stderr.LossyWriter):
        return structlog.WriteLoggerFactory(file=file)
    lines = _Lines(writer)
    return lambda *_: lines


class _Lines:
    """A logger for structlog. Each line is passed to the writer unchanged."""

    def __init__(self, writer: stderr.LossyWriter) -> None:
        self._writer = writer
        self.warning = self.error = self.critical = self.exception = self.fatal = self.msg = self._now

    def debug(self, line: str) -> None:
        """Write a line soon. Its exact time does not matter."""
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


def bound() -> Mapping[str, object]:
    """Return the fields of this task's lines."""
    return _bound.get()


def with_bound(_log: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Add the bound fields to a line. The line's own fields take precedence."""
    return {**_bound.get(), **event}


def get() -> Log:
    """Return the logger of this process."""
    log: Log = structlog.get_logger()
    return log


def info(event: str, **fields: object) -> None:
    """Write a line as `get().info` does, without an exception, at a tenth of the cost."""
    lines = _plain_lines
    if lines is None or not lines.stand:
        get().info(event, **fields)
    else:
        lines.info(event, fields)


class _PlainLines:
    """Writes lines of level info without an exception, as the processors of JSON would, in one step."""

    def __init__(
        self, of_process: Mapping[str, object], processors: Sequence[structlog.typing.Processor], logger: Any
    ) -> None:
        self._of_process = of_process
        self._processors = processors
        self._renderer = processors[-1]
        self._logger = logger

    @property
    def stand(self) -> bool:
        """False while structlog is configured to do something else with lines, as in tests."""
        now = structlog.get_config()["processors"]
        return now is self._processors and now[-1] is self._renderer

    def info(self, event: str, fields: Mapping[str, object]) -> None:
        """Write a line."""
        line = {**_bound.get(), **fields, "event": event, **self._of_process, "level": "info"}
        self._logger.info(_in_json(_stamped(None, "info", line)))


def _in_json(line: Mapping[str, Any]) -> str:
    """Return the line as JSON. A line that is no longer than a single value may be is not cut."""
    try:
        text = _json.encode(line)
    except (TypeError, ValueError, RecursionError):  # a value that JSON has not: `cut` makes text of it
        return _json.encode(cut(line))
    return text if len(text) <= MAX_VALUE_CHARACTERS else _json.encode(cut(line))


def _as_json(event: Mapping[str, Any], **_: object) -> str:
    """Encode what `cut` returns.

    The result is ASCII, so that no value contains a line end or a control sequence of terminals.
    """
    return _json.encode(event)


def _of_process(fields: Mapping[str, object]) -> structlog.typing.Processor:
    def add(_log: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {**event, **fields}

    return add


def outline(raised: BaseException) -> list[str]:
    """Return the classes and lines of an exception and its causes.

    The texts are left out, because they may hold values of rows.
    """
    parts: list[str] = []
    cause: BaseException | None = raised
    while cause is not None and len(parts) < MAX_CAUSES:
        frames = traceback.extract_tb(cause.__traceback__)
        where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        error_number = f" errno {cause.errno}" if isinstance(cause, OSError) and cause.errno else ""
        parts.append(f"{type(cause).__module__}.{type(cause).__qualname__}{error_number}{where}")
        cause = cause.__cause__ or cause.__context__
    return parts


# ---- cutting


_MANY = (dict, list, tuple)
_PLAIN = frozenset({int, float, bool, type(None)})


class _Room:
    """The remaining length of a line."""

    def __init__(self) -> None:
        self._left = MAX_LINE_CHARACTERS

    def cut(self, value: Any) -> Any:
        """Return the value with its texts cut while there is room."""
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
    """Cut the fields of a line. Texts are always kept; lists and objects share what room is left."""
    room = _Room()
    return {name: value if _is_short(value) else _cut_value(value, room) for name, value in event.items()}


def _is_short(value: Any) -> bool:
    """Whether nothing of the value needs to be cut. This is true for most values."""
    return len(value) <= MAX_VALUE_CHARACTERS if type(value) is str else type(value) in _PLAIN


def _cut_value(value: Any, shared: _Room) -> Any:
    return (shared if isinstance(value, _MANY) else _Room()).cut(value)


def _cut(_log: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return cut(event)


def _cut_for_people(_log: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Cut a line for people. Control characters are escaped, so that they cannot move the terminal's cursor."""
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


# ---- lines of libraries


class _Library(logging.Handler):
    """Turns a line of a library into a line of this log.

    An exception is outlined, as its text may hold values of rows.
    """

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage().partition("\n")[0]
        cause = outline(record.exc_info[1]) if record.exc_info and record.exc_info[1] else []
        get().warning("library", logger=record.name, severity=record.levelname, message=text, cause=cause)


def _take_over_libraries() -> None:
    """Take over the logging of libraries. gRPC's core would bypass it, so it is silenced; failed calls are reported by
    their codes.
    """
    root = logging.getLogger()
    root.handlers[:] = [*(each for each in root.handlers if not isinstance(each, _Library)), _Library()]
    root.setLevel(logging.WARNING)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
