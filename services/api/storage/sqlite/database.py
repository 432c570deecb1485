"""A SQLite file: one process, in which one thread writes and others read."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import sqlalchemy as sa

from services.api.storage.sql.database import Dialect, Item, ListVerb
from services.api.storage.sql.prepared import execute_plain
from services.api.storage.sql.readers import FairSlots, Readers
from services.api.storage.sql.writer import WriterThread
from services.api.storage.sqlite.dialect import SqliteDialect
from services.api.storage.sqlite.faults import SqliteFaults, is_damage
from services.api.storage.sqlite.long_readers import LongReaders
from services.api.storage.sqlite.schema import bring_up_to_date, is_up_to_date
from services.runtime.ownership import own_file
from services.runtime.startup import CannotStart

T = TypeVar("T")

MAX_CONCURRENT_LISTS = 2
"""How many lists are read at once, over connections of their own.

A list examines thousands of exports, and no other read waits for it.
"""

BUSY_TIMEOUT_MS = 5000
ERASING_MS = 100
"""How long an erasure waits for readers of the erased data. Nothing else is written meanwhile."""

WRITER_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # acknowledged changes survive a power cut
    "foreign_keys=ON",
    "secure_delete=ON",  # erased data, such as passwords, does not stay in free pages
    f"busy_timeout={BUSY_TIMEOUT_MS}",
)
# Only the writer checkpoints: before 3.51.3, SQLite may corrupt the file if two connections do.
READER_PRAGMAS = ("query_only=ON", "wal_autocheckpoint=0", f"busy_timeout={BUSY_TIMEOUT_MS}")


def _on_connect(engine: sa.Engine, pragmas: Sequence[str]) -> None:
    @sa.event.listens_for(engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def writing_engine(database: Path, pragmas: Sequence[str] = ()) -> sa.Engine:
    """Return an engine whose transactions begin with IMMEDIATE.

    A transaction that reads first could not be upgraded to a writing one while another one writes.
    """
    url = sa.URL.create("sqlite", database=str(database))
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"isolation_level": None})
    _on_connect(engine, (*WRITER_PRAGMAS, *pragmas))

    @sa.event.listens_for(engine, "begin")
    def begin_immediate(connection: sa.Connection) -> None:
        execute_plain(connection, "BEGIN IMMEDIATE")

    return engine


def reading_engine(database: Path) -> sa.Engine:
    """Return an engine whose connections cannot write. Each query sees everything that was committed before it."""
    url = sa.URL.create("sqlite", database=str(database))
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True)
    set_up_reader(engine)
    return engine


def set_up_reader(engine: sa.Engine) -> None:
    """Configure an engine so that its connections cannot write."""
    _on_connect(engine, READER_PRAGMAS)


class DatabaseUnusable(CannotStart):
    """The file is damaged, is no database, or cannot be accessed."""

    def __init__(self, database: Path, cause: object) -> None:
        super().__init__(f"the database {database} cannot be used: {cause}")


class SqliteDatabase:
    """A Database in a SQLite file. The caller must hold the lock of the data directory."""

    dialect: Dialect = SqliteDialect()

    def __init__(self, database: Path, pragmas: Sequence[str] = ()) -> None:
        """`pragmas` are additional ones for the writing connection."""
        faults, engine = SqliteFaults(), reading_engine(database)
        self._writer = WriterThread(writing_engine(database, pragmas), faults)
        self._for_callers = Readers(engine, faults, 1, "exportd-reader", gathers=True)
        self._for_workers = Readers(engine, faults, 1, "exportd-worker-reader")
        self._for_lists = LongReaders(database, MAX_CONCURRENT_LISTS, set_up_reader)
        self._lists = FairSlots(MAX_CONCURRENT_LISTS)

    @classmethod
    async def open(cls, database: Path) -> Self:
        """Open the file and bring its schema up to date.

        Raises the errors of `migrate`, and DatabaseUnusable, NotOurs, OSError.
        """
        for file in (database, *database.parent.glob(f"{database.name}[-.]*")):  # others get the same mode
            own_file(file)
        try:
            await asyncio.to_thread(bring_up_to_date, writing_engine(database), database)
        except sa.exc.DatabaseError as error:
            if not (SqliteFaults().is_passing(error) or is_damage(error)):
                raise
            raise DatabaseUnusable(database, error.orig) from error
        return cls(database)

    @classmethod
    async def beside(cls, database: Path) -> Self:
        """Open a file that another process serves, for a few changes. Checkpoints are left to that process.

        Raises DatabaseUnusable if that process is of another version.
        """
        if not await asyncio.to_thread(is_up_to_date, writing_engine(database)):
            raise DatabaseUnusable(database, "the process that has it open is of another version")
        return cls(database, ("wal_autocheckpoint=0",))

    async def close(self) -> None:
        """Finish what was begun. The writer closes last, so that it makes the last checkpoint. Idempotent."""
        for readers in (self._for_callers, self._for_workers, self._for_lists):
            await readers.close()
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
        """See `Database.write_in_turn`. Only one thread of one process writes, so no lock is needed."""
        return await self._writer.run_listed(verb, item)

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
        """Empty the log, since its frames contain old pages; see `Database.erase`."""
        return await self._writer.run_apart(_empty_log)


def _empty_log(db: sa.Connection) -> bool:
    """Empty the log. Return False if a reader still uses it."""
    driver: Any = db.connection.driver_connection
    driver.execute(f"PRAGMA busy_timeout={ERASING_MS}")
    try:
        held_up, *_ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    return not held_up
