"""Calls that are retried while something is broken."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from chaos.ledger import Account
from exportd_client import Exhausted, Export, ExportClient, File, Patience, Unavailable

Answer = TypeVar("Answer")

CLIENT_PATIENCE = Patience(first_contact=60, outage=60, shortest=0.05, longest=1)
_RETRY_TIMEOUT_S = 300.0
"""How long one call is retried. No fault in the plan lasts that long."""


async def with_retries(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return the answer to a call, which is retried while the service does not answer or has no room."""
    until = time.monotonic() + _RETRY_TIMEOUT_S
    while True:
        try:
            return await call()
        except (Unavailable, Exhausted):
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.2)  # an unhealthy service needs a moment


async def final_state(client: ExportClient, account: Account) -> Export:
    """Return the final state of an account's export. Every state on the way is observed."""

    async def until_done() -> Export:
        async with aclosing(client.watch(account.id)) as exports:
            async for export in exports:
                account.observe(export)
        return export

    return await with_retries(until_done)


async def file_bytes(client: ExportClient, file: File, offset: int = 0, limit: int = 0) -> bytes:
    """Return bytes of a file from `offset` on, at most `limit` (0: all)."""
    return b"".join([piece async for piece in client.stream(file, offset=offset, limit=limit)])
