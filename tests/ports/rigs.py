"""The stores that go through the whole suite: another one joins by a rig and a line in RIGS."""

import shutil
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from services.api.domain.fairness import Fairness
from services.api.domain.leases import LeasePolicy
from services.api.ports.store import Store
from services.api.storage.memory.data import MemoryData
from services.api.storage.memory.store import memory_store
from services.api.storage.postgres.connections import Address
from services.api.storage.postgres.database import PostgresDatabase
from services.api.storage.sql.schema.indexes import metadata
from services.api.storage.sql.stores import sql_store
from services.api.storage.sql.tables import audit_horizon
from services.api.storage.sqlite.database import SqliteDatabase
from tests.ports.memory_snapshot import memory_snapshot
from tests.ports.snapshots import Snapshot
from tests.ports.sql_snapshot import sql_snapshot
from tests.servers.new_database import new_database
from tests.servers.stores import shared_store


class StoreRig(Protocol):
    """What a store stands on: it can be emptied, looked into, killed and begun again."""

    def store(self, policy: LeasePolicy, fairness: Fairness) -> Store:
        """A store on what is there now."""
        ...

    async def empty(self) -> None:
        """As if it were new."""
        ...

    async def snapshot(self) -> Snapshot:
        """All that it holds."""
        ...

    async def kill(self) -> None:
        """Go on with what kill -9 leaves: what was committed, and no clean end. Stores made before are of no use."""
        ...

    async def restart(self) -> None:
        """Close it and open it again. Stores made before are of no use."""
        ...

    async def close(self) -> None: ...


def _wipe(db: sa.Connection) -> None:
    """Delete all rows, the audit trail included: its time is over, so that it may be."""
    db.execute(audit_horizon.delete())
    db.execute(audit_horizon.insert(), {"id": 1, "deletable_before": datetime.max.replace(tzinfo=UTC)})
    for table in reversed(metadata.sorted_tables):
        if table is not audit_horizon:
            db.execute(table.delete())
    db.execute(audit_horizon.delete())


class SqliteRig:
    """A SQLite file."""

    def __init__(self, file: Path, database: SqliteDatabase) -> None:
        self._file = file
        self._database = database
        self._lives = 0

    @classmethod
    async def open(cls, folder: Path) -> "SqliteRig":
        file = folder / "exportd.sqlite3"
        return cls(file, await new_database(file))

    def store(self, policy: LeasePolicy, fairness: Fairness) -> Store:
        return sql_store(self._database, policy, fairness)

    async def empty(self) -> None:
        await self._database.write(_wipe)

    async def snapshot(self) -> Snapshot:
        return await self._database.write(sql_snapshot)  # the thread that writes answers soonest

    async def kill(self) -> None:
        self._lives += 1
        left = self._file.with_name(f"life-{self._lives}.sqlite3")
        for suffix in ("", "-wal"):
            shutil.copy(f"{self._file}{suffix}", f"{left}{suffix}")
        await self._database.close()
        self._file, self._database = left, SqliteDatabase(left)

    async def restart(self) -> None:
        await self._database.close()
        self._database = SqliteDatabase(self._file)

    async def close(self) -> None:
        await self._database.close()


class MemoryRig:
    """Nothing but this process, which no rig can kill and begin again: what is kept stays."""

    def __init__(self) -> None:
        self._data = MemoryData()

    @classmethod
    async def open(cls, _: Path) -> "MemoryRig":
        return cls()

    def store(self, policy: LeasePolicy, fairness: Fairness) -> Store:
        return memory_store(policy, fairness, self._data)

    async def empty(self) -> None:
        self._data = MemoryData()

    async def snapshot(self) -> Snapshot:
        return memory_snapshot(self._data)

    async def kill(self) -> None: ...

    async def restart(self) -> None: ...

    async def close(self) -> None: ...


class PostgresRig:
    """The database that the tests of this process share; it stays where it is when a process is killed."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._database = PostgresDatabase(address)

    @classmethod
    async def open(cls, _: Path) -> "PostgresRig":
        rig = cls(Address(shared_store()))
        await rig.empty()
        return rig

    def store(self, policy: LeasePolicy, fairness: Fairness) -> Store:
        return sql_store(self._database, policy, fairness)

    async def empty(self) -> None:
        await self._database.write(_wipe)

    async def snapshot(self) -> Snapshot:
        return await self._database.write(sql_snapshot)

    async def kill(self) -> None:
        """As the server sees it: the sessions are gone."""
        await self._database.write(_end_the_others)
        await self.restart()

    async def restart(self) -> None:
        await self._database.close()
        self._database = PostgresDatabase(self._address)

    async def close(self) -> None:
        await self._database.close()


def _end_the_others(db: sa.Connection) -> None:
    db.exec_driver_sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


RIGS: dict[str, Callable[[Path], Awaitable[StoreRig]]] = {
    "memory": MemoryRig.open,
    "sqlite": SqliteRig.open,
    "postgres": PostgresRig.open,
}
"""Each opens an empty one in a folder."""
