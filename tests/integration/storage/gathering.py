"""Having calls of a store gather, so that they go into one transaction."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from services.api.storage.sqlite.database import SqliteDatabase


@asynccontextmanager
async def gathering(database: SqliteDatabase) -> AsyncIterator[None]:
    """What is written meanwhile waits behind a unit, and then goes into one transaction."""
    held, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold(_):
        loop.call_soon_threadsafe(held.set)
        go_on.wait()

    holding = asyncio.create_task(database.write(hold))
    await held.wait()
    try:
        yield
        await asyncio.sleep(0)  # lets the tasks made meanwhile hand in their units
    finally:
        go_on.set()
        await holding


async def gathered(database: SqliteDatabase, calls: Iterable[Awaitable[Any]]) -> list[Any]:
    """What each of these came to in one transaction, an exception for one that was refused."""
    async with gathering(database):
        tasks = [asyncio.ensure_future(call) for call in calls]
    return await asyncio.gather(*tasks, return_exceptions=True)
