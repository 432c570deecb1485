"""Every adapter of a port goes through the port's whole suite."""

from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from services.api.domain.fairness import Fairness
from services.api.domain.leases import LeasePolicy
from services.api.ports.exports import ExportStore
from services.api.ports.outbox import Outbox
from services.api.storage.sql.outbox import SqliteOutbox
from services.api.storage.sql.store import SqliteExportStore
from services.api.storage.sqlite.database import SqliteDatabase


@dataclass(frozen=True)
class Ports:
    """Both ports on one database."""

    store: ExportStore
    outbox: Outbox


@asynccontextmanager
async def open_sqlite(folder, fairness):
    async with await SqliteDatabase.open(folder / "exportd.sqlite3") as database:
        yield Ports(SqliteExportStore(database, LeasePolicy(), fairness), SqliteOutbox(database))


STORES = {"sqlite": open_sqlite}


@pytest.fixture
def fairness() -> Fairness:
    """All tenants alike; a test that wants shares parametrises this."""
    return Fairness()


@pytest.fixture(params=sorted(STORES))
async def ports(request, tmp_path, fairness):
    async with STORES[request.param](tmp_path, fairness) as opened:
        yield opened


@pytest.fixture
def store(ports):
    return ports.store


@pytest.fixture
def outbox(ports):
    return ports.outbox
