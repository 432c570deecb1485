"""Downloads, signed URLs and previews in the audit trail: who got how much."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from exportd.v1 import export_pb2
from exportd.v1 import export_service_pb2 as pb2
from exportd.v1.operator_service_pb2 import AuditEntry
from services.api.settings import ApiSettings
from services.api.usecases import download_log
from services.api.usecases.keys import Keys
from services.api.world import World
from services.contract.errors import StoreUnavailable
from tests.integration.api.conftest import Api, Clock, Worker, serving
from tests.integration.api.test_audit import ALL, CREATE, Metadata, key_id_of, names, trail
from tests.integration.api.test_keys import keys, of_tenant
from tests.patience import PATIENCE_S

__all__ = ["keys"]
CONTENT = b"id,issuedAt\n" * 200_000
LARGE_CONTENT = bytes(32 << 20)
"""More than a connection takes of a caller who reads nothing."""


@pytest.fixture
async def api(settings: ApiSettings, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    """An api that writes entries of downloads when a test says so, and at its end."""
    monkeypatch.setattr(download_log, "WRITTEN_EACH_S", 2 * PATIENCE_S)
    async with serving(settings, World(clock=clock, monotonic=clock.monotonic)) as served:
        yield served


@pytest.fixture
async def chief(keys: Keys) -> Metadata:
    return await of_tenant(keys, scopes=ALL, all_tenants=True)


@pytest.fixture
async def export(api: Api, chief: Metadata) -> export_pb2.Export:
    made = await api.exports.CreateExport(CREATE, metadata=chief)
    await Worker(api).build(CONTENT)
    return await api.exports.GetExport(pb2.GetExportRequest(export_id=made.id), metadata=chief)


async def downloaded(api: Api, metadata: Metadata, **request: Any) -> int:
    """How many bytes came."""
    call = api.exports.DownloadFile(pb2.DownloadFileRequest(**request), metadata=metadata)
    return sum([len(message.data) async for message in call])


async def entries(api: Api, chief: Metadata, export_id: str) -> list[AuditEntry]:
    """Those of downloads that are written by now, newest first."""
    await api.parts.download_log.run_once()
    listed = await trail(api, chief, resource_id=export_id)
    return [each for each in listed if "DOWNLOAD" in AuditEntry.Action.Name(each.action)]


@pytest.mark.parametrize(
    ("wanted", "sent", "outcome"),
    [
        ((0, 0), len(CONTENT), "whole file"),
        ((0, 10), 10, "part"),
        ((12, 0), len(CONTENT) - 12, "part"),
        ((5, 7), 7, "part"),
    ],
    ids=["whole", "beginning", "end", "middle"],
)
async def test_a_download_is_entered_at_its_end_with_its_bytes(  # noqa: PLR0917 - three of a case
    api: Api, chief: Metadata, export: export_pb2.Export, wanted: tuple[int, int], sent: int, outcome: str
) -> None:
    first, limit = wanted
    metadata = [*chief, ("x-request-id", "a-download")]
    assert await downloaded(api, metadata, export_id=export.id, offset=first, limit=limit) == sent
    (entry,) = await entries(api, chief, export.id)
    told = (names([entry]), entry.sent_bytes, entry.tenant, entry.principal, entry.request_id, entry.peer)
    assert told == (["DOWNLOAD_ENDED"], sent, "acme", f"key:{key_id_of(chief)}", "a-download", "127.0.0.1")
    assert dict(entry.details) == {
        "collection": "Orders",
        "file_id": export.file.id,
        "first_byte": str(first),
        "wanted_bytes": str(sent),
        "outcome": outcome,
    }


async def test_a_download_that_the_caller_leaves_is_entered_with_what_was_sent(api: Api, chief: Metadata) -> None:
    export = await api.exports.CreateExport(CREATE, metadata=chief)
    await Worker(api).build(LARGE_CONTENT)
    call = api.exports.DownloadFile(pb2.DownloadFileRequest(export_id=export.id), metadata=chief)
    await call.read()
    await call.read()
    assert names(await entries(api, chief, export.id)) == ["DOWNLOAD_STARTED"]
    call.cancel()
    async with asyncio.timeout(PATIENCE_S):
        while len(found := await entries(api, chief, export.id)) < 2:
            await asyncio.sleep(0.01)  # until the api has noticed
    assert names(found) == ["DOWNLOAD_STARTED", "DOWNLOAD_ENDED"]
    assert not found[1].HasField("sent_bytes")
    assert 0 < found[0].sent_bytes < len(LARGE_CONTENT)
    assert found[0].details["outcome"] == "broken off"


async def test_many_small_downloads_are_entered_in_one_write(
    api: Api, chief: Metadata, export: export_pb2.Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = []
    add = api.parts.store.audit.add

    async def counted(some: list[Any]) -> None:
        writes.append(len(some))
        await add(some)

    monkeypatch.setattr(api.parts.store.audit, "add", counted)
    await asyncio.gather(*(downloaded(api, chief, export_id=export.id, limit=3) for _ in range(20)))
    assert {each.sent_bytes for each in await entries(api, chief, export.id)} == {3}
    assert writes == [20]


async def test_what_cannot_be_written_now_is_written_later_and_once(
    api: Api, chief: Metadata, export: export_pb2.Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: list[Any]) -> None:
        raise StoreUnavailable

    await downloaded(api, chief, export_id=export.id, limit=3)
    with monkeypatch.context() as patched:
        patched.setattr(api.parts.store.audit, "add", away)
        assert await entries(api, chief, export.id) == []
    assert [each.sent_bytes for each in await entries(api, chief, export.id)] == [3]
    assert len(await entries(api, chief, export.id)) == 1


async def test_what_an_api_has_sent_is_entered_when_it_ends(
    settings: ApiSettings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_log, "WRITTEN_EACH_S", 2 * PATIENCE_S)
    world = World(clock=clock, monotonic=clock.monotonic)
    async with serving(settings, world) as served:
        export = await served.create()
        await Worker(served).build(CONTENT)
        await downloaded(served, [], export_id=export.id)
    async with serving(settings, world) as served:
        assert "DOWNLOAD_ENDED" in names(await trail(served, [], resource_id=export.id))


async def test_a_refused_download_is_not_entered(api: Api, chief: Metadata) -> None:
    waiting = await api.exports.CreateExport(CREATE, metadata=chief)
    with pytest.raises(grpc.aio.AioRpcError):
        await downloaded(api, chief, export_id=waiting.id)
    assert await entries(api, chief, waiting.id) == []
