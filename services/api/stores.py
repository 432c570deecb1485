"""Opens the store that the settings name."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from services.api.domain.fairness import Shares
from services.api.ports.store import Store
from services.api.secrets.server_keys import ServerKeys
from services.api.settings import ApiSettings, DatabaseSettings
from services.api.steady_clock import SteadyClock
from services.api.storage.datadir import DataDirectory
from services.api.storage.sql.database import Database
from services.api.storage.sql.stores import sql_store
from services.api.world import World
from services.contract.errors import StoreUnavailable

if TYPE_CHECKING:
    from services.api.storage.postgres.database import PostgresDatabase


@dataclass(frozen=True, slots=True)
class OpenedStore:
    """A store, the world with its clock, and its background work.

    `shared` is the database if other processes may use it, too.
    """

    store: Store
    world: World
    beside: tuple[Callable[[], Coroutine[None, None, None]], ...] = ()
    shared: "PostgresDatabase | None" = None


async def opened(
    settings: ApiSettings, shares: Shares, keys: ServerKeys, world: World, stack: AsyncExitStack
) -> OpenedStore:
    """Open the store; the stack closes it. If it is in the data directory, the caller must hold that.

    All processes with the same database must share the server's keys. Raises CannotStart, OSError.
    """

    def store(database: Database) -> Store:
        return sql_store(database, settings.leases, shares, world.monotonic)

    if settings.database is not None:
        database = await in_postgres(settings.database, keys, stack)
        return await _by_its_clock(database, store(database), world)
    from services.api.storage.sqlite.database import SqliteDatabase  # noqa: PLC0415 - only one of the two is needed

    file = DataDirectory.database_in(settings.data_dir)
    return OpenedStore(store(await stack.enter_async_context(await SqliteDatabase.open(file))), world)


async def in_postgres(settings: DatabaseSettings, keys: ServerKeys, stack: AsyncExitStack) -> "PostgresDatabase":
    """Open a PostgreSQL database; the stack closes it.

    Raises CannotStart unless its schema is that of this version and its server key is among `keys`.
    """
    from services.api.storage.postgres.connections import Address, NoDatabase  # noqa: PLC0415 - as above
    from services.api.storage.postgres.database import PostgresDatabase  # noqa: PLC0415
    from services.api.storage.postgres.schema import check  # noqa: PLC0415
    from services.api.storage.postgres.server_key import check_key  # noqa: PLC0415

    address = Address(settings.url, settings.pooled)
    await asyncio.to_thread(check, address)
    database = await stack.enter_async_context(PostgresDatabase(address))
    try:
        await check_key(database, keys)
    except StoreUnavailable as gone:
        raise NoDatabase(address, gone.__cause__ or gone) from gone
    return database


async def _by_its_clock(database: "PostgresDatabase", store: Store, world: World) -> OpenedStore:
    """Return the store with the clock of its database. Raises StoreUnavailable if the database does not answer."""
    from services.api.storage.postgres.clock import DatabaseClock, asking  # noqa: PLC0415 - as above

    clock = DatabaseClock(asking(database))
    await clock.measure()
    return OpenedStore(store, _by_the_clock_of(clock, world), (clock.run,), database)


def _by_the_clock_of(database: Callable[[], datetime], world: World) -> World:
    """Return the world with the clock of the database, unless a test has set another clock."""
    clock = world.clock
    return replace(world, clock=clock.beside(database)) if isinstance(clock, SteadyClock) else world
