"""What is over, in a SQLite file."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.api.ports.retention import Kept
from services.api.storage.sql import retention_verbs
from services.api.storage.sqlite.database import SqliteDatabase
from services.contract.job import LeaseRef


class SqliteRetentionStore:
    """A RetentionStore in a SQLite file."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._db = database

    async def belongs_to(self, store_id: str, *, is_empty: bool) -> str:
        return await self._db.write(lambda db: retention_verbs.belongs_to(db, store_id, is_empty=is_empty))

    async def kept(self, leases: Sequence[LeaseRef], now: datetime, grace: timedelta) -> list[Kept]:
        return await self._db.read_for_workers(lambda db: retention_verbs.kept(db, leases, now, grace))

    async def forget(self, now: datetime, rows_kept: timedelta, limit: int) -> int:
        return await self._db.write(lambda db: retention_verbs.forget(db, now, rows_kept, limit))
