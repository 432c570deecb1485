"""What one peer can hold of a port: connections in all, handshakes for a short time, calls of a connection."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import timedelta

import grpc
import pytest

from exportd.v1 import export_service_pb2
from exportd.v1.export_service_pb2_grpc import ExportServiceStub
from services.api.settings import ApiSettings
from services.runtime import channels
from tests.integration.api.conftest import Api, serving
from tests.patience import PATIENCE_S

LIST = export_service_pb2.ListExportsRequest
MOST = 4


@pytest.fixture
async def api(settings: ApiSettings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    monkeypatch.setattr(channels, "MAX_CONNECTIONS", MOST)
    monkeypatch.setattr(channels, "HANDSHAKE_WITHIN", timedelta(seconds=1))
    async with serving(settings) as served:
        yield served


def opened(target: str) -> socket.socket:
    host, _, port = target.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
    connection.settimeout(PATIENCE_S)
    return connection


def is_closed(connection: socket.socket) -> bool:
    """Wait until the server closes the connection, whatever it says before."""
    try:
        while connection.recv(4096):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


async def test_connections_that_carry_no_calls_are_closed_soon_and_those_that_do_are_served(api: Api) -> None:
    """Whoever opens one after the other holds none of them for long."""
    with ExitStack() as held:
        silent = [held.enter_context(opened(api.target)) for _ in range(MOST + 3)]
        assert all(await asyncio.gather(*(asyncio.to_thread(is_closed, each) for each in silent)))
    async with asyncio.timeout(PATIENCE_S):
        await api.exports.ListExports(LIST(), wait_for_ready=True)


async def test_one_connection_too_many_is_closed_and_there_is_room_when_another_ends(api: Api) -> None:
    options = [("grpc.use_local_subchannel_pool", 1)]
    others = [grpc.aio.insecure_channel(api.target, options=options) for _ in range(MOST - 1)]
    await api.exports.ListExports(LIST(), wait_for_ready=True)
    for each in others:
        await ExportServiceStub(each).ListExports(LIST(), wait_for_ready=True)
    with opened(api.target) as one_more:
        assert await asyncio.to_thread(is_closed, one_more)
    async with grpc.aio.insecure_channel(api.target, options=options) as late:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ExportServiceStub(late).ListExports(LIST(), timeout=PATIENCE_S)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        await others.pop().close()
        await ExportServiceStub(late).ListExports(LIST(), wait_for_ready=True, timeout=PATIENCE_S)
    for each in others:
        await each.close()
