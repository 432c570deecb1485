"""The client for asyncio. exportd_client/sync is made from it."""
