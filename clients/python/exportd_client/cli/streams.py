"""stdout and stderr: text as a terminal can show it, and JSON.

This module imports little, because every command loads it.
"""

import io
import json
import os
import sys
from typing import Any, TextIO

_DUMB = ("dumb", "unknown")


def prepare() -> None:
    """Make stdout and stderr escape characters that their encoding lacks, instead of raising an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def printable(text: str, stream: TextIO | None = None) -> str:
    """Return `text` without characters that could control a terminal or that `stream` cannot encode.

    The default of `stream` is stdout.
    """
    encoding = _encoding(stream or sys.stdout)
    safe = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return safe.encode(encoding, "backslashreplace").decode(encoding)


def ellipsis(stream: TextIO | None = None) -> str:
    """Return the mark for the end of a text that was cut."""
    return "…" if printable("…", stream) == "…" else "..."


def is_terminal(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that understands control sequences."""
    return stream.isatty() and os.environ.get("TERM", "").lower() not in _DUMB


def write_json(value: Any, stream: TextIO | None = None) -> None:
    """Print `value` as one line of JSON."""
    out = stream or sys.stdout
    print(json.dumps(value, ensure_ascii=not is_unicode(out)), file=out, flush=True)


def is_unicode(stream: TextIO) -> bool:
    """Whether the encoding of `stream` has every character."""
    return _encoding(stream).lower().replace("-", "").startswith("utf")


def note(text: str) -> None:
    """Print a remark for people to stderr."""
    print(printable(text, sys.stderr), file=sys.stderr, flush=True)


def write_error(
    code: str,
    message: str,
    *,
    reason: str = "",
    violations: list[dict[str, str]] | None = None,
    metadata: dict[str, str] | None = None,
    request_id: str = "",
) -> None:
    """Print the error that ended a command, as JSON on stderr."""
    document = {
        "code": code,
        "reason": reason,
        "message": message,
        "violations": violations or [],
        "metadata": metadata or {},
        "request_id": request_id,
    }
    write_json(document, sys.stderr)


def _encoding(stream: TextIO) -> str:
    return stream.encoding or "utf-8"
