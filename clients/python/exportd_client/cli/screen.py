"""A terminal that shows the same few tables again and again, until the user quits."""

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
    """left: set when somebody typed q."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.left = asyncio.Event()

    def show(self, snapshot: Snapshot, remark: str = "") -> None:
        """In place of what was shown before."""
        width, height = self._live.console.size
        text = "\n".join(snapshot.lines(width, height, remark))
        self._live.update(Text(text, no_wrap=True, overflow="crop"), refresh=True)

    def typed(self) -> None:
        """Reads what is typed."""
        if any(key in _ENDS for key in os.read(sys.stdin.fileno(), 64)):
            self.left.set()


@contextmanager
def screen() -> Iterator[Screen]:
    """The whole terminal, which shows again what it showed before when the context ends."""
    with Live(console=Console(), screen=True, auto_refresh=False) as live:
        shown = Screen(live)
        with _keys(shown):
            yield shown


@contextmanager
def _keys(shown: Screen) -> Iterator[None]:
    """Keys one by one and not echoed, where there is a keyboard."""
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
