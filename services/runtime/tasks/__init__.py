"""Tasks of asyncio."""
