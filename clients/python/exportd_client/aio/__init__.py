"""The client for asyncio. The modules of exportd_client/sync are generated from it."""
