"""The stores of a cluster on several machines, and what chaos does to them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import obstore
import psycopg
import pytest

from chaos.findings import Findings
from chaos.leftovers import check_rows, orphans
from chaos.shared_stores import SharedStores
from services.objects.client import opened
from tests.patience import PATIENCE_S
from tests.tiers import deep

pytestmark = deep


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[SharedStores]:
    (tmp_path / "logs").mkdir()
    async with SharedStores(tmp_path, tmp_path / "logs") as stores:
        yield stores


async def run(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """In one session, in a thread: the proxies are in this one."""

    def rows() -> list[tuple[Any, ...]]:
        with psycopg.connect(url, autocommit=True) as database:
            return [row for statement in statements for row in _rows(database.execute(statement.encode()))]

    return await asyncio.to_thread(rows)


def _rows(cursor: psycopg.Cursor[Any]) -> list[tuple[Any, ...]]:
    return cursor.fetchall() if cursor.description else []


async def test_what_was_acknowledged_outlives_a_kill_of_each_store(stores: SharedStores) -> None:
    url = stores.settings_of_api(0)["EXPORTD_DATABASE"]
    await run(url, "INSERT INTO installation (id, store_id) VALUES (1, 'there')")
    obstore.put(opened(stores.artifacts), "export/lease/export.csv", b"content")
    assert not stores.broken_since(0.1)
    for server in stores.servers:
        assert server.kill(0)
        assert stores.broken_since(0.1)
        async with asyncio.timeout(PATIENCE_S):
            await server.serving()
        assert not server.unexpected_exits
    assert await run(url, "SELECT store_id FROM installation") == [("there",)]
    assert stores.keys() == ["export/lease/export.csv"]
    with stores.rows() as rows:
        assert orphans(stores.keys(), rows) == ["export/lease/export.csv"]
        findings = Findings()
        check_rows(rows, findings)
        assert findings.all == []


async def test_sessions_are_ended_and_lines_are_cut(stores: SharedStores) -> None:
    url = stores.settings_of_api(1)["EXPORTD_DATABASE"]
    assert not stores.is_building()
    for end in (lambda: stores.end_sessions(0), stores.proxies[1].cut):
        asleep = asyncio.create_task(run(url, "SELECT pg_sleep(1000)"))
        async with asyncio.timeout(PATIENCE_S):
            while not asleep.done():
                end()
                await asyncio.sleep(0.05)  # until its session is there
        assert isinstance(asleep.exception(), psycopg.OperationalError)
    assert stores.broken_since(0.1)


async def test_the_files_of_the_database_are_looked_into(stores: SharedStores) -> None:
    assert any(place.name == "PG_VERSION" for place in stores.places())
