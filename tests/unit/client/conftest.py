import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exportd_client import ExportClient
from tests.unit.client.fake_export_service import IMPATIENT, FakeExportService, Serving
from tests.unit.client.program import PROGRAM, Ended, Exportctl, Start, end_of


@pytest.fixture
async def serving() -> AsyncIterator[Serving]:
    serving = Serving(FakeExportService())
    await serving.start()
    yield serving
    await serving.stop()


@pytest.fixture
def fake(serving: Serving) -> FakeExportService:
    return serving.fake


@pytest.fixture
async def client(serving: Serving) -> AsyncIterator[ExportClient]:
    async with ExportClient(serving.target, patience=IMPATIENT) as client:
        yield client


@pytest.fixture
def start(serving: Serving) -> Start:
    async def started(
        *words: str, stdin: int | None = None, start_new_session: bool = False, **environment: str
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *PROGRAM,
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
