"""Exports in a SQLite file: one process, one thread that writes, readers beside it."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.api.domain.export import Export, StoredFile
from services.api.domain.leases import Claimed, LeasePolicy, Standing
from services.api.domain.retry import GiveUp, RetryAfter
from services.api.ports import Depth, ExportFilter, RequestMark
from services.api.storage import caller_verbs, worker_verbs
from services.api.storage.migrate import migrate
from services.api.storage.writer import WriterThread, is_damage, is_passing, unavailable
from services.contract.job import LeaseRef
from services.contract.outcome import Failure, RunStats
from services.contract.spec import JobSpec
from services.runtime.startup import CannotStart

T = TypeVar("T")

CALLER_READERS = 4
WORKER_READERS = 2
"""Connections of their own: what callers ask for must not hold up a heartbeat."""

MOST_LISTS = 2
"""Lists read at once: the longest may walk the history of a tenant, and a get should not wait for it."""

BUSY_TIMEOUT_MS = 5000

WRITER_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # what is acknowledged survives a power cut
    "foreign_keys=ON",
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


def writing_engine(database: Path) -> sa.Engine:
    """Its transactions begin IMMEDIATE: one that read first could not become a writing one while another writes."""
    url = sa.URL.create("sqlite", database=str(database))
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"isolation_level": None})
    _on_connect(engine, WRITER_PRAGMAS)

    @sa.event.listens_for(engine, "begin")
    def begin_immediate(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def reading_engine(database: Path, connections: int) -> AsyncEngine:
    """Connections that cannot write; each query sees all that was committed before it."""
    url = sa.URL.create("sqlite+aiosqlite", database=str(database))
    engine = create_async_engine(
        url, pool_size=connections, max_overflow=0, isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True
    )
    _on_connect(engine.sync_engine, READER_PRAGMAS)
    return engine


class DatabaseUnusable(CannotStart):
    """The file is damaged, no database, or out of reach."""

    def __init__(self, database: Path, cause: object) -> None:
        super().__init__(f"the database {database} cannot be used: {cause}")


async def _read(engine: AsyncEngine, query: Callable[[sa.Connection], T]) -> T:
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(query)
    except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
        if isinstance(error, sa.exc.TimeoutError) or is_passing(error):
            raise unavailable(error) from error
        raise


class SqliteExportStore:
    """An ExportStore in one SQLite file. The caller holds the lock of the data directory."""

    def __init__(self, database: Path, policy: LeasePolicy) -> None:
        self._policy = policy
        self._writer = WriterThread(writing_engine(database))
        self._for_callers = reading_engine(database, CALLER_READERS)
        self._for_workers = reading_engine(database, WORKER_READERS)
        self._lists = asyncio.Semaphore(MOST_LISTS)

    @classmethod
    async def open(cls, database: Path, policy: LeasePolicy) -> Self:
        """Bring the file's schema up to date first. Raises SchemaTooNew, ForeignKeysBroken, DatabaseUnusable."""
        try:
            await asyncio.to_thread(migrate, writing_engine(database), database)
        except sa.exc.DatabaseError as error:
            if not (is_passing(error) or is_damage(error)):
                raise
            raise DatabaseUnusable(database, error.orig) from error
        return cls(database, policy)

    async def close(self) -> None:
        """Finish what was begun. The writer closes last, so that the last checkpoint is its own. Idempotent."""
        await self._for_callers.dispose()
        await self._for_workers.dispose()
        await self._writer.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _read(self, query: Callable[[sa.Connection], T]) -> T:
        return await _read(self._for_callers, query)

    async def _read_for_workers(self, query: Callable[[sa.Connection], T]) -> T:
        return await _read(self._for_workers, query)

    # ---- callers

    async def create(
        self, export: Export, spec: JobSpec, mark: RequestMark | None, sealed_password: bytes | None = None
    ) -> Export:
        return await self._writer.run(lambda db: caller_verbs.create(db, export, spec, mark, sealed_password))

    async def get(self, tenant: str, export_id: str) -> Export | None:
        return await self._read(lambda db: caller_verbs.get(db, tenant, export_id))

    async def get_by_file(self, tenant: str, file_id: str) -> Export | None:
        return await self._read(lambda db: caller_verbs.get_by_file(db, tenant, file_id))

    async def page(self, tenant: str, wanted: ExportFilter, before_id: str, limit: int) -> list[Export]:
        async with self._lists:
            return await self._read(lambda db: caller_verbs.page(db, tenant, wanted, before_id, limit))

    async def queue_position(self, export: Export) -> int:
        return await self._read(lambda db: caller_verbs.queue_position(db, export))

    async def first_queued(self, tenant: str) -> list[str]:
        return await self._read(lambda db: caller_verbs.first_queued(db, tenant))

    async def cancel(self, tenant: str, export_id: str, now: datetime, *, only_if_queued: bool) -> tuple[Export, str]:
        return await self._writer.run(
            lambda db: caller_verbs.cancel(db, tenant, export_id, now, only_if_queued=only_if_queued)
        )

    async def delete(self, tenant: str, export_id: str, now: datetime) -> Export | None:
        return await self._writer.run(lambda db: caller_verbs.delete(db, tenant, export_id, now))

    async def depth(self, now: datetime) -> Depth:
        return await self._read_for_workers(lambda db: caller_verbs.depth(db, now))

    # ---- workers

    async def claim(self, worker_id: str, poll_id: str, limit: int, now: datetime) -> list[Claimed]:
        return await self._writer.run(
            lambda db: worker_verbs.claim(db, self._policy, worker_id, poll_id, limit=limit, now=now)
        )

    async def next_due(self, now: datetime) -> datetime | None:
        return await self._read_for_workers(lambda db: worker_verbs.next_due(db, now))

    async def standings(self, leases: Sequence[LeaseRef]) -> list[Standing]:
        return await self._read_for_workers(lambda db: worker_verbs.standings(db, leases))

    async def renew(self, worker_id: str, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        return await self._writer.run(lambda db: worker_verbs.renew(db, self._policy, worker_id, leases, now))

    async def unconfirmed(self, worker_id: str, leased_before: datetime) -> list[Claimed]:
        return await self._read_for_workers(lambda db: worker_verbs.unconfirmed(db, worker_id, leased_before))

    async def complete(
        self,
        lease: LeaseRef,
        file: StoredFile,
        stats: RunStats,
        now: datetime,
        *,
        attachments: StoredFile | None = None,
    ) -> Export | None:
        return await self._writer.run(
            lambda db: worker_verbs.complete(db, lease, file, stats, now, attachments=attachments)
        )

    async def fail(self, lease: LeaseRef, failure: Failure, fate: RetryAfter | GiveUp, now: datetime) -> Export | None:
        return await self._writer.run(lambda db: worker_verbs.fail(db, lease, failure, fate, now))

    async def release(self, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        return await self._writer.run(lambda db: worker_verbs.release(db, leases, now))

    async def expire(self, now: datetime) -> list[Export]:
        return await self._writer.run(lambda db: worker_verbs.expire(db, self._policy, now))
