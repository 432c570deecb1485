"""Pauses, blocking work and the caller's own functions, without blocking the event loop."""

import asyncio
import inspect

from exportd_client.channel import ApiKey

in_thread = asyncio.to_thread
sleep = asyncio.sleep


async def current(credential: ApiKey) -> str:
    """Return the key or token as it is now."""
    value = credential() if callable(credential) else credential
    return await value if inspect.isawaitable(value) else value
