import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exportd_client import ExportClient, SyncExportClient
from tests.servers import warm_exportctl as warm
from tests.servers.warm import Started, WarmProgram
from tests.unit.client.fake_export_service import IMPATIENT, FakeExportService, Serving
from tests.unit.client.program import Ended, Exportctl, Start, end_of
from tests.unit.client.threaded import Threaded


@pytest.fixture
async def serving() -> AsyncIterator[Serving]:
    serving = Serving(FakeExportService())
    await serving.start()
    yield serving
    await serving.stop()


@pytest.fixture
def fake(serving: Serving) -> FakeExportService:
    return serving.fake


@pytest.fixture(params=["asyncio", "threads"])
async def client(request: pytest.FixtureRequest, serving: Serving) -> AsyncIterator[ExportClient | Threaded]:
    """Both clients: what holds for one holds for the other."""
    if request.param == "asyncio":
        async with ExportClient(serving.target, patience=IMPATIENT) as client:
            yield client
    else:
        with SyncExportClient(serving.target, patience=IMPATIENT) as client:
            yield Threaded(client)


@pytest.fixture
def warm_exportctl() -> WarmProgram:
    return warm.warm_exportctl()


@pytest.fixture
def start(serving: Serving, warm_exportctl: WarmProgram) -> Start:
    async def started(
        *words: str, stdin: int | None = None, start_new_session: bool = False, **environment: str
    ) -> Started:
        return await warm_exportctl.start(
            *words,
            env={**os.environ, "EXPORTD_TARGET": serving.target, **environment},
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=start_new_session,
        )

    return started


@pytest.fixture
def exportctl(start: Start) -> Exportctl:
    async def ended(*words: str | Path, **environment: str) -> Ended:
        return await end_of(await start(*map(str, words), **environment))

    return ended
