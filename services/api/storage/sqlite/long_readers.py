"""Runs long reads through aiosqlite, with a few connections that have a thread each.

Its library is imported with the first list, so that no start waits for it. Short and frequent reads use `Readers`,
which avoids passing each statement between threads.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa

from services.api.storage.sql.faults import unavailable
from services.api.storage.sqlite.faults import SqliteFaults
from services.contract.errors import StoreUnavailable

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


class LongReaders:
    """At most `connections` connections, opened when they are needed. `set_up` configures the engine."""

    def __init__(self, database: Path, connections: int, set_up: Callable[[sa.Engine], None]) -> None:
        self._database = database
        self._connections = connections
        self._set_up = set_up
        self._engine: AsyncEngine | None = None
        self._opening = asyncio.Lock()
        self._closed = False

    async def run(self, query: Callable[[sa.Connection], T]) -> T:
        """Run a query and return its result. Raises the errors of the query, and StoreUnavailable."""
        engine = await self._opened()
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(query)
        except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
            if isinstance(error, sa.exc.TimeoutError) or SqliteFaults().is_passing(error):
                raise unavailable(error) from error
            raise

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        self._closed = True
        async with self._opening:
            if self._engine is not None:
                await self._engine.dispose()

    async def _opened(self) -> "AsyncEngine":
        async with self._opening:
            if self._closed:
                raise StoreUnavailable
            if self._engine is None:
                self._engine = await asyncio.to_thread(self._made)
            return self._engine

    def _made(self) -> "AsyncEngine":
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - see above

        url = sa.URL.create("sqlite+aiosqlite", database=str(self._database))
        engine = create_async_engine(
            url,
            pool_size=self._connections,
            max_overflow=0,
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
        )
        self._set_up(engine.sync_engine)
        return engine
