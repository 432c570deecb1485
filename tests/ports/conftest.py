"""Every adapter of a port goes through the port's whole suite."""

from contextlib import asynccontextmanager

import pytest

from services.api.domain.leases import LeasePolicy
from services.api.storage.database import SqliteDatabase
from services.api.storage.sqlite import SqliteExportStore


@asynccontextmanager
async def open_sqlite(folder):
    async with await SqliteDatabase.open(folder / "exportd.sqlite3") as database:
        yield SqliteExportStore(database, LeasePolicy())


STORES = {"sqlite": open_sqlite}


@pytest.fixture(params=sorted(STORES))
async def store(request, tmp_path):
    async with STORES[request.param](tmp_path) as opened:
        yield opened
