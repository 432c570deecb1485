"""A SQLite file: one process, one thread that writes, readers beside it."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import sqlalchemy as sa

from services.api.storage.sql.database import Dialect, Item, ListVerb
from services.api.storage.sql.fair_slots import FairSlots
from services.api.storage.sql.readers import Readers
from services.api.storage.sql.writer import WriterThread
from services.api.storage.sqlite.dialect import SqliteDialect
from services.api.storage.sqlite.faults import SqliteFaults, is_damage
from services.api.storage.sqlite.long_readers import LongReaders
from services.api.storage.sqlite.schema import bring_up_to_date, is_up_to_date
from services.runtime.ownership import own_file
from services.runtime.startup import CannotStart

T = TypeVar("T")

MAX_CONCURRENT_LISTS = 2
"""Lists read at once, over connections of their own: one looks at thousands of exports, and no get waits for it."""

BUSY_TIMEOUT_MS = 5000
ERASING_MS = 100
"""How long erasing waits for those who still read what is erased: nothing else is written meanwhile."""

WRITER_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # what is acknowledged survives a power cut
    "foreign_keys=ON",
    "secure_delete=ON",  # what is erased, a password, is not left in a free page
    f"busy_timeout={BUSY_TIMEOUT_MS}",
)
# Only the writer checkpoints: before 3.51.3, SQLite can corrupt the file when two connections do.
READER_PRAGMAS = ("query_only=ON", "wal_autocheckpoint=0", f"busy_timeout={BUSY_TIMEOUT_MS}")


def _on_connect(engine: sa.Engine, pragmas: Sequence[str]) -> None:
    @sa.event.listens_for(engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def writing_engine(database: Path, pragmas: Sequence[str] = ()) -> sa.Engine:
    """Its transactions begin IMMEDIATE: one that read first could not become a writing one while another writes."""
    url = sa.URL.create("sqlite", database=str(database))
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"isolation_level": None})
    _on_connect(engine, (*WRITER_PRAGMAS, *pragmas))

    @sa.event.listens_for(engine, "begin")
    def begin_immediate(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def reading_engine(database: Path) -> sa.Engine:
    """Connections that cannot write; each query sees all that was committed before it."""
    url = sa.URL.create("sqlite", database=str(database))
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True)
    set_up_reader(engine)
    return engine


def set_up_reader(engine: sa.Engine) -> None:
    """Have its connections write nothing."""
    _on_connect(engine, READER_PRAGMAS)


class DatabaseUnusable(CannotStart):
    """The file is damaged, no database, or out of reach."""

    def __init__(self, database: Path, cause: object) -> None:
        super().__init__(f"the database {database} cannot be used: {cause}")


class SqliteDatabase:
    """One SQLite file: a thread that writes, and readers beside it. The caller holds the lock of the data directory."""

    dialect: Dialect = SqliteDialect()

    def __init__(self, database: Path, pragmas: Sequence[str] = ()) -> None:
        """`pragmas` are of the connection that writes, beside the usual ones."""
        faults, engine = SqliteFaults(), reading_engine(database)
        self._writer = WriterThread(writing_engine(database, pragmas), faults)
        self._for_callers = Readers(engine, faults, 1, "exportd-reader")
        self._for_workers = Readers(engine, faults, 1, "exportd-worker-reader")
        self._for_lists = LongReaders(database, MAX_CONCURRENT_LISTS, set_up_reader)
        self._lists = FairSlots(MAX_CONCURRENT_LISTS)

    @classmethod
    async def open(cls, database: Path) -> Self:
        """Bring the file's schema up to date first. Raises as migrate, and DatabaseUnusable, NotOurs, OSError."""
        for file in (database, *database.parent.glob(f"{database.name}[-.]*")):  # what SQLite makes has the same mode
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
        """A file that another process serves: for a few changes, and without a checkpoint, which is that one's.

        Raises DatabaseUnusable for one that another version serves.
        """
        if not await asyncio.to_thread(is_up_to_date, writing_engine(database)):
            raise DatabaseUnusable(database, "the process that has it open is of another version")
        return cls(database, ("wal_autocheckpoint=0",))

    async def close(self) -> None:
        """Finish what was begun. The writer closes last, so that the last checkpoint is its own. Idempotent."""
        for readers in (self._for_callers, self._for_workers, self._for_lists):
            await readers.close()
        await self._writer.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """As Database says: see WriterThread.run."""
        return await self._writer.run(work)

    async def write_listed(self, verb: ListVerb[Item, T], item: Item) -> T:
        """As Database says: see WriterThread.run_listed."""
        return await self._writer.run_listed(verb, item)

    async def write_in_turn(self, verb: ListVerb[Item, T], item: Item) -> T:
        """As Database says: one process writes, and one thread of it."""
        return await self._writer.run_listed(verb, item)

    async def read(self, query: Callable[[sa.Connection], T]) -> T:
        """For callers."""
        return await self._for_callers.run(query)

    async def read_list(self, holder: str, query: Callable[[sa.Connection], T]) -> T:
        """For callers, and perhaps long: a few at a time, of each holder one."""
        async with self._lists.held(holder):
            return await self._for_lists.run(query)

    async def read_for_workers(self, query: Callable[[sa.Connection], T]) -> T:
        """For workers and the clock."""
        return await self._for_workers.run(query)

    async def erase(self) -> bool:
        """See Database: empties the log, whose frames keep old pages."""
        return await self._writer.run_apart(_empty_log)


def _empty_log(db: sa.Connection) -> bool:
    """False when somebody still reads from the log."""
    driver: Any = db.connection.driver_connection
    driver.execute(f"PRAGMA busy_timeout={ERASING_MS}")
    try:
        held_up, *_ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    return not held_up
