"""Progress on stderr: a bar on a terminal, a line now and then in a log, nothing beside JSON."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as RichProgress

from exportd_client import Export
from exportd_client.cli.output import is_terminal
from exportd_client.cli.words import phase_of, printable, rows_of, state_of

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


class Bar:
    """One line of a terminal, drawn again and again."""

    def __init__(self, progress: RichProgress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, figures="")

    def draw(self, label: str, done: int, total: int | None, figures: str) -> None:
        # rich takes None for "as before", so an unknown total is a new start of the pulse.
        self._progress.update(self._task, description=label, completed=done, total=total, figures=printable(figures))


class Lines:
    """A line whenever the label changes, and every few seconds."""

    def __init__(self) -> None:
        self._label = ""
        self._next = 0.0

    def draw(self, label: str, done: int, total: int | None, figures: str) -> None:  # noqa: ARG002 - a line has no bar
        now = time.monotonic()
        if label != self._label or now >= self._next:
            self._label, self._next = label, now + _LINE_SECONDS
            print(printable(f"{label}: {figures}" if figures else label), file=sys.stderr, flush=True)


class Silence:
    """Shows nothing."""

    def draw(self, label: str, done: int, total: int | None, figures: str) -> None: ...


@contextmanager
def display(*, silent: bool) -> Iterator[Display]:
    """The display that fits stderr."""
    if silent or not is_terminal(sys.stderr):
        yield Display(Silence() if silent else Lines())
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[figures]}", markup=False),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Display(Bar(progress))


def _trouble(export: Export) -> str:
    errors = export.result.errors
    return f"attempt {errors[-1].attempt}: {errors[-1].code}: {errors[-1].message}" if errors else ""
