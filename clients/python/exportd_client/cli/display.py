"""Progress on stderr: a bar on a terminal, a line occasionally in a log, nothing beside JSON."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Protocol

from rich.filesize import decimal

from exportd_client import Export
from exportd_client.cli import streams
from exportd_client.cli.words import phase_of, rows_of, state_of

# Between two lines in a log, unless the label changes.
_LINE_SECONDS = 5.0


class Face(Protocol):
    """Shows how far something has come. total None: not known."""

    def draw(self, label: str, done: int, total: int | None, figures: str) -> None: ...


class Display:
    """Follows one export through building and download."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._rows = Pace()
        self._bytes = Pace()

    def building(self, export: Export) -> None:
        """The export as it is now."""
        progress = export.progress
        if export.state == Export.STATE_PROCESSING and export.HasField("progress"):
            rate = self._rows.per_second(progress.rows_written)
            figures = rows_of(progress) + (f", {rate:,.0f} rows/s" if rate else "")
            self._face.draw(phase_of(progress), progress.rows_written, progress.rows_total or None, figures)
        else:
            # The next attempt starts from its first row.
            self._rows = Pace()
            self._face.draw(state_of(export), 0, None, _trouble(export))

    def next_download(self) -> None:
        """Another file begins, with a pace of its own."""
        self._bytes = Pace()

    def downloading(self, done: int, total: int) -> None:
        """Bytes that are there and bytes of the whole file."""
        rate = self._bytes.per_second(done)
        speed = f", {decimal(int(rate))}/s" if rate else ""
        self._face.draw("downloading", done, total, f"{decimal(done)} of {decimal(total)}" + speed)


class Pace:
    """The mean speed of a counter since it was first seen."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None

    def per_second(self, count: int) -> float:
        now = time.monotonic()
        since, start = self._first = self._first or (now, count)
        return (count - start) / (now - since) if now > since else 0.0


class Lines:
    """A line whenever the label changes, and every few seconds."""

    def __init__(self) -> None:
        self._label = ""
        self._next = 0.0

    def draw(self, label: str, done: int, total: int | None, figures: str) -> None:  # noqa: ARG002 - a line has no bar
        now = time.monotonic()
        if label != self._label or now >= self._next:
            self._label, self._next = label, now + _LINE_SECONDS
            streams.note(f"{label}: {figures}" if figures else label)


class Silence:
    """Shows nothing."""

    def draw(self, label: str, done: int, total: int | None, figures: str) -> None: ...


@contextmanager
def display(*, silent: bool) -> Iterator[Display]:
    """The display that fits stderr."""
    if silent:
        yield Display(Silence())
    elif not streams.is_terminal(sys.stderr):
        yield Display(Lines())
    else:
        with import_module("exportd_client.cli.bar").bar() as face:  # only a terminal needs what it imports
            yield Display(face)


def _trouble(export: Export) -> str:
    errors = export.result.errors
    return f"attempt {errors[-1].attempt}: {errors[-1].code}: {errors[-1].message}" if errors else ""
