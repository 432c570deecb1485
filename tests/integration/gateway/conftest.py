"""A whole gateway in this process, before an api that is real, too."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from services.gateway import app
from services.gateway.settings import from_env
from services.runtime.signals import StopSignals
from tests.integration.api.conftest import Api, api, clock, leases, settings, worker
from tests.integration.gateway.described import checked


@dataclass(frozen=True)
class Gateway:
    """A running gateway, and a caller of it."""

    url: str
    stop: StopSignals
    session: aiohttp.ClientSession

    async def json(self, verb: str, path: str, expected: int = 200, **more: Any) -> Any:
        """The document of an answer, whose status must be this one."""
        async with self.session.request(verb, f"{self.url}{path}", **more) as answer:
            text = await answer.text()
            assert answer.status == expected, text
            return await answer.json(content_type=None)

    async def create(self, **fields: Any) -> dict[str, Any]:
        """Create an export, by default as CSV."""
        document = {"uri": "/shops/7/orders", "format": "FORMAT_CSV"} | fields
        created: dict[str, Any] = await self.json("POST", "/v1/exports", json=document)
        return created


@asynccontextmanager
async def opened(target: str, **settings: str) -> AsyncIterator[Gateway]:
    """A gateway before the api at `target`, for as long as the context lasts."""
    environ = {
        "EXPORTD_GATEWAY_LISTEN": "127.0.0.1:0",
        "EXPORTD_TARGET": target,
        "EXPORTD_GATEWAY_METRICS": "off",
        "EXPORTD_DRAIN_GRACE_S": "30",
    }
    stop = StopSignals()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(app.run(from_env(environ | settings), stop, port.set_result))
    await asyncio.wait([running, port], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        await running
    async with aiohttp.ClientSession(auto_decompress=False, middlewares=(checked,)) as session:
        yield Gateway(f"http://127.0.0.1:{port.result()}", stop, session)
    stop.drain.set()
    await running


@pytest.fixture
def gateway_settings() -> Mapping[str, str]:
    """More settings; a module that needs others overrides this."""
    return {}


@pytest.fixture
async def gateway(api: Api, gateway_settings: Mapping[str, str]) -> AsyncIterator[Gateway]:
    async with opened(api.target, **gateway_settings) as served:
        yield served


__all__ = ["Gateway", "api", "clock", "leases", "opened", "settings", "worker"]
