"""What would hold the event loop up: pauses, and work that blocks."""

import asyncio

in_thread = asyncio.to_thread
sleep = asyncio.sleep
