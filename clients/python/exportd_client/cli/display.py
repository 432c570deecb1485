"""Progress on stderr: a bar on a terminal, occasional lines in a log, nothing with JSON output."""

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

# Least time between two lines in a log, unless the label changes.
_LINE_SECONDS = 5.0


class Face(Protocol):
    """Shows progress. A `total` of None is unknown."""

    def draw(self, label: str, done: int, total: int | None, figures: str) -> None: ...


class Display:
    """Shows the progress of one export, while it is built and downloaded."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._rows = Pace()
        self._bytes = Pace()

    def building(self, export: Export) -> None:
        """Show the current state of the export."""
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
        """Begin to measure the speed of another file."""
        self._bytes = Pace()

    def downloading(self, done: int, total: int) -> None:
        """Show a download: bytes received, and bytes of the whole file."""
        rate = self._bytes.per_second(done)
        speed = f", {decimal(int(rate))}/s" if rate else ""
        self._face.draw("downloading", done, total, f"{decimal(done)} of {decimal(total)}" + speed)


class Pace:
    """Measures the mean speed of a counter since its first value."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None

    def per_second(self, count: int) -> float:
        now = time.monotonic()
        since, start = self._first = self._first or (now, count)
        return (count - start) / (now - since) if now > since else 0.0


class Lines:
    """Prints a line whenever the label changes, and every few seconds."""

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
    """Return a context with the display that suits stderr."""
    if silent:
        yield Display(Silence())
    elif not streams.is_terminal(sys.stderr):
        yield Display(Lines())
    else:
        with import_module("exportd_client.cli.bar").bar() as face:  # its imports are needed on a terminal only
            yield Display(face)


def _trouble(export: Export) -> str:
    errors = export.result.errors
    return f"attempt {errors[-1].attempt}: {errors[-1].code}: {errors[-1].message}" if errors else ""
