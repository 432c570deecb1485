from collections.abc import AsyncIterator

import pytest

from exportd_client import ExportClient
from tests.unit.client.fake_export_service import IMPATIENT, FakeExportService, Serving


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
