"""Periodic work that survives every error."""

import asyncio
from collections.abc import Awaitable, Callable

from services.contract.errors import StoreUnavailable
from services.runtime import logs


async def periodically(pause_s: Callable[[], float], do: Callable[[], Awaitable[None]]) -> None:
    """Call `do` after each pause, until cancelled."""
    while True:
        await asyncio.sleep(pause_s())  # the period
        try:
            await do()
        except StoreUnavailable:
            continue  # the next round does it
        except Exception:  # noqa: BLE001 - the loop must survive any error
            logs.get().exception("periodic_work_failed")
