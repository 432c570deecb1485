"""Pauses and blocking work, without blocking the event loop."""

import asyncio

in_thread = asyncio.to_thread
sleep = asyncio.sleep
