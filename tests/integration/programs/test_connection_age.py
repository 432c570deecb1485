"""EXPORTD_CONNECTION_AGE_S: old connections are replaced, and what runs on them goes on."""

import asyncio
from collections.abc import Mapping

import psutil
import pytest

from exportd_client import Export, ExportClient
from tests.integration.programs.conftest import Place, Running, up
from tests.integration.programs.test_lost_log import free_addresses
from tests.patience import PATIENCE_S
from tests.servers.warm import WarmProgram


def connections(api: Running, address: str) -> set[int]:
    """The callers' ends of the connections that are open at the port of this address."""
    port = int(address.rpartition(":")[2])
    ends = psutil.Process(api.process.pid).net_connections("tcp")
    return {end.raddr.port for end in ends if end.laddr.port == port and end.status == psutil.CONN_ESTABLISHED}


async def test_a_stream_outlives_its_connection_s_age_and_new_calls_go_over_a_new_one(
    place: Place, warm_services: Mapping[str, WarmProgram]
) -> None:
    (listen,) = free_addresses(1)
    settings = {"EXPORTD_LISTEN": listen, "EXPORTD_CONNECTION_AGE_S": "1"}
    with up("exportd-api", place, forked_from=warm_services["exportd-api"], **settings) as api:
        async with ExportClient(listen) as client:
            export = await client.create("/orders", format="csv")
            watch = client.watch(export.id)
            assert (await anext(watch)).state == Export.STATE_QUEUED
            first = connections(api, listen)
            async with asyncio.timeout(PATIENCE_S):
                while not connections(api, listen) - first:
                    await asyncio.sleep(0.05)  # between two calls of a caller
                    await client.get(export.id)
            await client.cancel(export.id)
            assert [each.state async for each in watch][-1] == Export.STATE_CANCELLED


@pytest.mark.parametrize("age", ["0", "604801", "never"])
def test_an_age_that_is_none_is_refused(place: Place, warm_services: Mapping[str, WarmProgram], age: str) -> None:
    refused = warm_services["exportd-api"].run(env=place.environ(EXPORTD_CONNECTION_AGE_S=age))
    assert refused.returncode == 2
    assert f"EXPORTD_CONNECTION_AGE_S is '{age}'" in refused.stderr
