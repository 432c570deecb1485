"""Every adapter of a port goes through the port's whole suite."""

import pytest

from services.api.domain.leases import LeasePolicy
from services.api.storage.sqlite import SqliteExportStore


def open_sqlite(folder):
    return SqliteExportStore.open(folder / "exportd.sqlite3", LeasePolicy())


STORES = {"sqlite": open_sqlite}


@pytest.fixture(params=sorted(STORES))
async def store(request, tmp_path):
    async with await STORES[request.param](tmp_path) as opened:
        yield opened
