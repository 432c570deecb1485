"""A terminal screen that is redrawn with the same few tables until the user quits."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from exportd_client.cli.snapshot import Snapshot

if sys.platform != "win32":
    import termios
    import tty

_ENDS = b"qQ"


class Screen:
    """The screen.

    left: an event that is set when the user types q.
    """

    def __init__(self, live: Live) -> None:
        self._live = live
        self.left = asyncio.Event()

    def show(self, snapshot: Snapshot, remark: str = "") -> None:
        """Show a snapshot in place of the previous one."""
        width, height = self._live.console.size
        text = "\n".join(snapshot.lines(width, height, remark))
        self._live.update(Text(text, no_wrap=True, overflow="crop"), refresh=True)

    def typed(self) -> None:
        """Read the keys that were typed."""
        if any(key in _ENDS for key in os.read(sys.stdin.fileno(), 64)):
            self.left.set()


@contextmanager
def screen() -> Iterator[Screen]:
    """Return a context that uses the whole terminal. Its previous content is restored when the context ends."""
    with Live(console=Console(), screen=True, auto_refresh=False) as live:
        shown = Screen(live)
        with _keys(shown):
            yield shown


@contextmanager
def _keys(shown: Screen) -> Iterator[None]:
    """Return a context that reads single keys without echo, if stdin is a terminal."""
    if sys.platform == "win32" or not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    asyncio.get_running_loop().add_reader(sys.stdin, shown.typed)
    try:
        yield
    finally:
        asyncio.get_running_loop().remove_reader(sys.stdin)
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
