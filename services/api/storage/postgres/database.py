"""A PostgreSQL database: in each process one thread writes and others read, each over its own connection."""

from collections.abc import Callable
from typing import Self, TypeVar

import sqlalchemy as sa

from services.api.storage.postgres.connections import Address
from services.api.storage.postgres.dialect import PostgresDialect, take_turn
from services.api.storage.postgres.faults import PostgresFaults
from services.api.storage.postgres.pipelines import pipelined
from services.api.storage.sql.database import Dialect, Item, ListVerb
from services.api.storage.sql.readers import FairSlots, Readers
from services.api.storage.sql.writer import Way, WriterThread

T = TypeVar("T")

CALLERS, WORKERS, LISTS = 2, 2, 2
"""Reading connections, each with a thread. With two that write and one that listens a process has nine."""


class PostgresDatabase:
    """A Database in PostgreSQL. Any number of processes may have it open."""

    dialect: Dialect = PostgresDialect()

    def __init__(self, address: Address) -> None:
        faults, engine = PostgresFaults(), address.reading_engine()
        self.address = address
        self._soon = WriterThread(address.soon_engine(), faults, take_turn, pipelined)
        self._writer = WriterThread(address.writing_engine(), faults, take_turn, pipelined)
        self._for_callers = Readers(engine, faults, CALLERS, "exportd-reader", gathers=True)
        self._for_workers = Readers(engine, faults, WORKERS, "exportd-worker-reader")
        self._for_lists = Readers(engine, faults, LISTS, "exportd-list-reader")
        self._lists = FairSlots(LISTS)

    async def close(self) -> None:
        """Finish what was begun and close all connections. Idempotent."""
        for readers in (self._for_callers, self._for_workers, self._for_lists):
            await readers.close()
        await self._soon.close()
        await self._writer.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """See `Database.write` and `WriterThread.run`."""
        return await self._writer.run(work)

    async def write_listed(self, verb: ListVerb[Item, T], item: Item) -> T:
        """See `Database.write_listed` and `WriterThread.run_listed`."""
        return await self._writer.run_listed(verb, item)

    async def write_in_turn(self, verb: ListVerb[Item, T], item: Item) -> T:
        """See `Database.write_in_turn`. A lock in the database excludes other processes."""
        return await self._writer.run_listed(verb, item, Way.IN_TURN)

    async def write_soon(self, work: Callable[[sa.Connection], T]) -> T:
        """Run a unit like `write`, but over a connection whose commits do not wait for the disk.

        It does not delay other writes. A crash of the database server may lose the last such units.
        """
        return await self._soon.run(work)

    async def read(self, query: Callable[[sa.Connection], T]) -> T:
        """See `Database.read`."""
        return await self._for_callers.run(query)

    async def read_listed(self, verb: ListVerb[Item, T], item: Item) -> T:
        """See `Database.read_listed` and `Readers.run_listed`."""
        return await self._for_callers.run_listed(verb, item)

    async def read_list(self, holder: str, query: Callable[[sa.Connection], T]) -> T:
        """See `Database.read_list`. Only a few lists are read at once, and one of each holder."""
        async with self._lists.held(holder):
            return await self._for_lists.run(query)

    async def read_for_workers(self, query: Callable[[sa.Connection], T]) -> T:
        """See `Database.read_for_workers`."""
        return await self._for_workers.run(query)

    async def erase(self) -> bool:
        """Do nothing and return True.

        PostgreSQL itself decides when old versions of rows and its log are overwritten.
        """
        return True
