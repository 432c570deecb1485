"""Progress as one line of a terminal, which is redrawn in place."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as RichProgress

from exportd_client.cli.streams import is_unicode, printable


class Bar:
    """A progress line."""

    def __init__(self, progress: RichProgress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, figures="")

    def draw(self, label: str, done: int, total: int | None, figures: str) -> None:
        # rich takes None for "as before", so an unknown total restarts the pulse.
        self._progress.update(
            self._task, description=label, completed=done, total=total, figures=printable(figures, sys.stderr)
        )


@contextmanager
def bar() -> Iterator[Bar]:
    """Return a context that shows a progress line on stderr. The line disappears when the context ends."""
    columns = (
        SpinnerColumn("dots" if is_unicode(sys.stderr) else "line"),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[figures]}", markup=False),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bar(progress)
