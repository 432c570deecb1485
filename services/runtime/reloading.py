"""Files that are read again while a process runs."""

import asyncio
from collections.abc import Callable, Sequence

from services.runtime import logs


class Reloading:
    """Reads files again when asked, in a thread: a large one must not delay the event loop.

    Each of `files` reads one and, when that has mistakes, says so in the log and keeps what it has.
    """

    def __init__(self, files: Sequence[Callable[[], None]], then: Callable[[], None] = lambda: None) -> None:
        """`then` is called in the loop when all were read."""
        self._files = files
        self._then = then
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Read them soon; if asked again meanwhile, once more."""
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            for read in self._files:
                await _kept_alive(read)
            self._then()


async def _kept_alive(read: Callable[[], None]) -> None:
    try:
        await asyncio.to_thread(read)
    except Exception:  # noqa: BLE001 - whatever it is, what was read before still serves
        logs.get().exception("reload_failed")
