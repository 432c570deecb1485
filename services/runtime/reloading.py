"""Files that are reloaded while a process runs."""

import asyncio
from collections.abc import Callable, Sequence

from services.runtime import logs


class Reloading:
    """Reloads files on request, in a thread, because a large file must not delay the event loop.

    Each of `files` reads one file. If it has mistakes, the function logs them and keeps the previous content.
    """

    def __init__(self, files: Sequence[Callable[[], None]], then: Callable[[], None] = lambda: None) -> None:
        """`then` is called in the event loop when all files have been read."""
        self._files = files
        self._then = then
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Request a reload. A request during a reload causes another one."""
        self._asked.set()

    async def run(self) -> None:
        """Reload on request until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            for read in self._files:
                await _kept_alive(read)
            self._then()


async def _kept_alive(read: Callable[[], None]) -> None:
    try:
        await asyncio.to_thread(read)
    except Exception:  # noqa: BLE001 - whatever the error is, the previous content is still used
        logs.get().exception("reload_failed")
