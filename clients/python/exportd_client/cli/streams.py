"""stdout and stderr: what a terminal can show as people read it, and JSON. Imports little: every start needs it."""

import io
import json
import os
import sys
from typing import Any, TextIO

_DUMB = ("dumb", "unknown")


def prepare() -> None:
    """Escape whatever the encoding of stdout and stderr cannot show, in place of ending with an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def printable(text: str, stream: TextIO | None = None) -> str:
    """`text` without any character that could steer a terminal, or that `stream` (default stdout) cannot show."""
    encoding = _encoding(stream or sys.stdout)
    safe = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return safe.encode(encoding, "backslashreplace").decode(encoding)


def ellipsis(stream: TextIO | None = None) -> str:
    """What stands for the end of a text that was cut."""
    return "…" if printable("…", stream) == "…" else "..."


def is_terminal(stream: TextIO) -> bool:
    """True when `stream` understands control characters."""
    return stream.isatty() and os.environ.get("TERM", "").lower() not in _DUMB


def write_json(value: Any, stream: TextIO | None = None) -> None:
    """`value` in a line of JSON."""
    out = stream or sys.stdout
    print(json.dumps(value, ensure_ascii=not is_unicode(out)), file=out, flush=True)


def is_unicode(stream: TextIO) -> bool:
    """True when the encoding of `stream` has every character."""
    return _encoding(stream).lower().replace("-", "").startswith("utf")


def note(text: str) -> None:
    """A remark for people."""
    print(printable(text, sys.stderr), file=sys.stderr, flush=True)


def write_error(
    code: str,
    message: str,
    *,
    reason: str = "",
    violations: list[dict[str, str]] | None = None,
    metadata: dict[str, str] | None = None,
) -> None:
    """What ended a command, as JSON on stderr."""
    document = {
        "code": code,
        "reason": reason,
        "message": message,
        "violations": violations or [],
        "metadata": metadata or {},
    }
    write_json(document, sys.stderr)


def _encoding(stream: TextIO) -> str:
    return stream.encoding or "utf-8"
