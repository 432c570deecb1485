"""Tasks that run to their end even if the caller leaves in the middle."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LocalDetachedTasks:
    """Runs each piece of work to its end in a task of its own, however the call that started it ends."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` and return its result. If the caller is cancelled, the work continues."""
        return await asyncio.shield(self.start(work))

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start `work` in a task of its own. A caller that awaits the task must shield it from its own cancellation."""
        task = asyncio.create_task(work)
        self._running.add(task)  # the event loop holds only weak references to tasks
        task.add_done_callback(self._ended)
        return task

    async def settled(self) -> None:
        """Wait until no work is running, including work that starts meanwhile."""
        while self._running:
            await asyncio.wait(set(self._running))

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as retrieved, since the caller may be gone
