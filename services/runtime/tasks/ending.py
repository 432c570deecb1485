"""Ends tasks."""

import asyncio
from typing import Any


async def end_tasks(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks and wait until they have ended, whatever their outcome.

    A caller that is cancelled while it waits is cancelled. `suppress(CancelledError)` around `await task` would hide
    that.
    """
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
