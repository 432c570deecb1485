"""A store with many waiting exports of many tenants.

They are written directly to the database, which is much faster.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import sqlalchemy as sa

from services.api.domain.export import Export, Options, StoredFile
from services.api.domain.states import State
from services.api.ports.store import Store
from services.api.storage.postgres.connections import Address
from services.api.storage.postgres.database import PostgresDatabase
from services.api.storage.postgres.migrate import migrate
from services.api.storage.sql.database import Database
from services.api.storage.sql.rows import new_row
from services.api.storage.sql.stores import sql_store
from services.api.storage.sql.tables import exports
from services.api.storage.sqlite.database import SqliteDatabase
from services.api.world import World
from services.contract.capabilities import requirement_of
from services.contract.formats import Format, Packaging
from services.contract.outcome import Artifact, Consistency, Entry, MatchedBy, RunStats
from services.contract.spec import ColumnSpec, ColumnType, JobSpec, Kind, Relation, SourceRef, TableOptions

START = datetime(2026, 11, 1, tzinfo=UTC)
_COLUMNS = tuple(ColumnSpec(name, name, name.title(), ColumnType(Kind.TEXT)) for name in ("uuid", "issuer", "concept"))
SPEC = JobSpec(
    collection="Invoices",
    source=SourceRef("invoices", "sql"),
    relation=Relation(table="invoices"),
    key=("uuid",),
    columns=_COLUMNS,
    order=(),
    table=TableOptions(Format.CSV),
    table_name="invoices",
)
_WORLD = World()
_REQUIREMENT = requirement_of(SPEC)
STATS = RunStats(10, MatchedBy.COUNT, 10, Consistency.SNAPSHOT, as_of=START)
_LINE = """INSERT INTO line (tenant, requirement, needs, vtime, place)
  SELECT tenant, requirement, max(needs), 0, 'WAITING' FROM exports GROUP BY tenant, requirement"""


def new_export(tenant: str) -> Export:
    """Return an export that waits and has a callback_url."""
    return Export(
        id=_WORLD.new_export_id(),
        tenant=tenant,
        uri="/invoices?order[uuid]=asc",
        type="Invoices",
        format=Format.CSV,
        file_types=(),
        labels={"team": "tax"},
        options=Options("order[uuid]=asc", _COLUMNS, Packaging.AUTO, "UTC", timedelta(days=7)),
        callback_url="https://receiver.example/done",
        requirement=_REQUIREMENT,
        state=State.QUEUED,
        version=1,
        run=1,
        attempt=0,
        max_attempts=3,
        cancel_reason=None,
        next_attempt_time=None,
        create_time=START,
        update_time=START,
        start_time=None,
        end_time=None,
        duration=None,
    )


def new_file(export_id: str) -> StoredFile:
    """Return the file that a worker built."""
    artifact = Artifact(f"{export_id}/t.csv", 800, "ab" * 32, "text/csv", "csv", (Entry("t.csv", 800),), 1)
    return StoredFile(str(uuid4()), "invoices.csv", artifact, 10, START, START + timedelta(days=7))


@asynccontextmanager
async def opened(server: str = "") -> AsyncIterator[tuple[Database, Store]]:
    """Open an empty store on disk: a SQLite file, or a new database of the PostgreSQL server with this URL."""
    if server:
        address = Address(_new_database(server))
        migrate(address)
        async with PostgresDatabase(address) as postgres:
            yield postgres, sql_store(postgres)
        return
    folder = Path(tempfile.mkdtemp(prefix="exportd-bench-"))
    try:
        async with await SqliteDatabase.open(folder / "exportd.sqlite3") as database:
            yield database, sql_store(database)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def waiting(count: int, tenants: int, server: str = "") -> AsyncIterator[Store]:
    """Open a store with `count` waiting exports, distributed among `tenants` tenants. `server`: see `opened`."""
    async with opened(server) as (database, store):
        if server:
            await database.write(lambda db: _fill(db, count, tenants, "SET LOCAL statement_timeout = 0"))
            await database.write(lambda db: db.exec_driver_sql("ANALYZE"))
        else:
            await database.write(lambda db: _fill(db, count, tenants))
        yield store


def _new_database(server: str) -> str:
    name = f"bench_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}".encode())
    address, _, query = server.partition("?")
    return f"{address.rpartition('/')[0]}/{name}?{query}"


def _fill(db: sa.Connection, count: int, tenants: int, *before: str) -> None:
    for statement in before:
        db.exec_driver_sql(statement)
    row = new_row(replace(new_export("t"), callback_url=""), SPEC, None)
    own = {"id": "substr('000000000000000000000000000000000000' || n, length(n || '') + 1)"}
    own["tenant"] = f"'tenant-' || n % {tenants}"
    numbers = sa.select(sa.literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(sa.select(numbers.c.n + 1).where(numbers.c.n < count))
    values = [
        sa.literal_column(own[name]) if name in own else sa.literal(value, exports.c[name].type)
        for name, value in row.items()
    ]
    db.execute(sa.insert(exports).from_select([*row], sa.select(*values).select_from(numbers)))
    db.exec_driver_sql(_LINE)
