"""The blocking client, for threads. `make proto` generates it from exportd_client/aio.

The modules line, behind and threads are written by hand, since threads and asyncio differ there.
"""
