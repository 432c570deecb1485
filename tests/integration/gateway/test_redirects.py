"""Downloads that lead to the object store."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from services.api.settings import ApiSettings
from tests.integration.api.conftest import Api, serving
from tests.integration.api.test_download_url import BucketWorker, settings
from tests.integration.gateway.conftest import Gateway

__all__ = ["settings"]
CONTENT = b"id,total\r\n" * 1_000


@pytest.fixture
async def api(settings: ApiSettings) -> AsyncIterator[Api]:
    async with serving(settings) as served:
        yield served


@pytest.mark.parametrize("by", ["export", "file"])
async def test_a_download_leads_to_the_store_where_that_is_asked_for(
    gateway: Gateway, api: Api, settings: ApiSettings, by: str
) -> None:
    created = await gateway.create()
    await BucketWorker(api, settings).build(CONTENT)
    file = (await gateway.json("GET", f"/v1/exports/{created['id']}"))["file"]
    path = f"/v1/exports/{created['id']}/content" if by == "export" else f"/v1/files/{file['id']}/content"
    for verb in ("GET", "HEAD"):
        async with gateway.session.request(
            verb, f"{gateway.url}{path}?redirect=store", allow_redirects=False
        ) as answer:
            assert answer.status == 302
            assert answer.headers["Cache-Control"] == "no-store"
            url = answer.headers["Location"]
    assert await _fetched(url) == CONTENT
    async with gateway.session.get(f"{gateway.url}{path}") as answer:
        assert await answer.read() == CONTENT


async def _fetched(url: str) -> Any:
    """By a session of its own: OpenAPI does not describe the store."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.read()
