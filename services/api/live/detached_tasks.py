"""Steps that belong together: they run to their end even if the caller leaves in the middle."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LocalDetachedTasks:
    """Runs each piece of work to its end in a task of its own, however the call that asked for it ends."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`; when the caller is cancelled, the work goes on without it."""
        return await asyncio.shield(self.start(work))

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin the work; whoever awaits the task shields it."""
        task = asyncio.create_task(work)
        self._running.add(task)  # the loop itself holds tasks weakly
        task.add_done_callback(self._ended)
        return task

    async def settled(self) -> None:
        """Wait until no work is under way; what begins meanwhile is waited for, too."""
        while self._running:
            await asyncio.wait(set(self._running))

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved here, since the caller may be gone
