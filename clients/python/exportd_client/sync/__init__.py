"""The client that blocks, for threads. `make proto` writes it from exportd_client/aio.

By hand, since threads and asyncio differ there: line, behind and threads.
"""
