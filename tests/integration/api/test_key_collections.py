"""A key for some collections: the others, and what was exported of them, are not there."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from exportd.v1 import export_pb2
from exportd.v1 import export_service_pb2 as pb2
from services.api.settings import ApiSettings
from services.api.usecases.keys import Keys
from services.api.world import World
from tests.integration.api.conftest import Api, Clock, Worker, serving
from tests.integration.api.refusals import refused
from tests.integration.api.test_keys import keys, of_tenant
from tests.tiers import deep_but

__all__ = ["keys"]
ORDERS = pb2.CreateExportRequest(uri="/shops/7/orders", format=export_pb2.FORMAT_CSV)
SHOPS = pb2.CreateExportRequest(type="Shops", format=export_pb2.FORMAT_PARQUET)
Metadata = list[tuple[str, str]]


@pytest.fixture
async def api(settings: ApiSettings, clock: Clock) -> AsyncIterator[Api]:
    async with serving(settings, World(clock=clock, monotonic=clock.monotonic)) as served:
        yield served


@pytest.fixture
async def whole(keys: Keys) -> Metadata:
    return await of_tenant(keys)


@pytest.fixture(params=["Shops", "Sh*", "?hops"])
async def part(keys: Keys, request: pytest.FixtureRequest) -> Metadata:
    return await of_tenant(keys, collections=frozenset({request.param, "Nothing"}))


async def test_only_its_own_are_listed_and_described(api: Api, part: Metadata) -> None:
    listed = await api.exports.ListCollections(pb2.ListCollectionsRequest(), metadata=part)
    assert [each.type for each in listed.collections] == ["Shops"]
    assert (await api.exports.GetCollection(pb2.GetCollectionRequest(type="Shops"), metadata=part)).type == "Shops"


async def test_of_others_nothing_is_created_and_no_name_is_suggested(api: Api, part: Metadata) -> None:
    by_type = pb2.CreateExportRequest(type="Orders", format=export_pb2.FORMAT_CSV)
    near = pb2.CreateExportRequest(type="Ordres", format=export_pb2.FORMAT_CSV)
    validated = pb2.CreateExportRequest(uri=ORDERS.uri, format=export_pb2.FORMAT_CSV, validate_only=True)
    for request in (ORDERS, by_type, near, validated):
        refusal = await refused(api.exports.CreateExport(request, metadata=part))
        assert refusal.reason == "COLLECTION_NOT_FOUND"
        assert "Orders" not in refusal.metadata.get("nearest", "")
    asked = (
        api.exports.PreviewExport(pb2.PreviewExportRequest(export=ORDERS), metadata=part),
        api.exports.GetCollection(pb2.GetCollectionRequest(type="Orders"), metadata=part),
    )
    for call in asked:
        assert (await refused(call)).reason == "COLLECTION_NOT_FOUND"
    assert (await api.exports.CreateExport(SHOPS, metadata=part)).type == "Shops"


async def test_a_request_id_of_another_key_opens_nothing(api: Api, whole: Metadata, part: Metadata) -> None:
    request = pb2.CreateExportRequest()
    request.CopyFrom(ORDERS)
    request.request_id = "once"
    await api.exports.CreateExport(request, metadata=whole)
    assert (await refused(api.exports.CreateExport(request, metadata=part))).reason == "REQUEST_ID_REUSED"


async def test_an_earlier_export_of_another_collection_is_none(api: Api, whole: Metadata, part: Metadata) -> None:
    earlier = await api.exports.CreateExport(ORDERS, metadata=whole)
    refusals = []
    for since in (earlier.id, str(uuid.uuid4())):
        request = pb2.CreateExportRequest(type="Shops", format=export_pb2.FORMAT_PARQUET, since_export=since)
        refusals.append((await refused(api.exports.CreateExport(request, metadata=part))).violations)
    assert refusals[0] == refusals[1]


Call = Callable[[Api, export_pb2.Export, Metadata], Awaitable[object]]
OF_AN_EXPORT: dict[str, Call] = {
    "CancelExport": lambda api, e, m: api.exports.CancelExport(pb2.CancelExportRequest(export_id=e.id), metadata=m),
    "DeleteExport": lambda api, e, m: api.exports.DeleteExport(pb2.DeleteExportRequest(export_id=e.id), metadata=m),
    "DownloadFile": lambda api, e, m: api.exports.DownloadFile(
        pb2.DownloadFileRequest(file_id=e.file.id), metadata=m
    ).read(),
    "GetDownloadUrl": lambda api, e, m: api.exports.GetDownloadUrl(
        pb2.GetDownloadUrlRequest(file_id=e.file.id), metadata=m
    ),
    "GetExport": lambda api, e, m: api.exports.GetExport(pb2.GetExportRequest(export_id=e.id), metadata=m),
    "GetFile": lambda api, e, m: api.exports.GetFile(pb2.GetFileRequest(file_id=e.file.id), metadata=m),
    "ListDeliveries": lambda api, e, m: api.exports.ListDeliveries(
        pb2.ListDeliveriesRequest(export_id=e.id), metadata=m
    ),
    "ListTransitions": lambda api, e, m: api.exports.ListTransitions(
        pb2.ListTransitionsRequest(export_id=e.id), metadata=m
    ),
    "WatchExport": lambda api, e, m: api.exports.WatchExport(pb2.WatchExportRequest(export_id=e.id), metadata=m).read(),
}


@pytest.mark.parametrize("method", deep_but(sorted(OF_AN_EXPORT), *sorted(OF_AN_EXPORT)[::4]))
async def test_an_export_of_another_collection_is_not_there(
    api: Api, whole: Metadata, part: Metadata, method: str
) -> None:
    orders = await _built(api, ORDERS, whole)
    assert (await refused(OF_AN_EXPORT[method](api, orders, part))).reason.endswith("_NOT_FOUND")
    await OF_AN_EXPORT["GetExport"](api, orders, whole)
    if method not in {"CancelExport", "GetDownloadUrl"}:  # it is done, and lies in a folder
        await OF_AN_EXPORT[method](api, orders, whole)


async def test_lists_and_ids_are_of_its_own(api: Api, whole: Metadata, part: Metadata) -> None:
    orders = await _built(api, ORDERS, whole)
    shops = await api.exports.CreateExport(SHOPS, metadata=whole)
    listed = await api.exports.ListExports(pb2.ListExportsRequest(), metadata=part)
    assert [each.id for each in listed.exports] == [shops.id]
    found = {
        id_: (await api.exports.FindIds(pb2.FindIdsRequest(prefix=id_), metadata=part)).matches
        for id_ in (orders.id, orders.file.id, shops.id)
    }
    assert [len(matches) for matches in found.values()] == [0, 0, 1]


def test_every_method_of_an_export_is_tried() -> None:
    service = pb2.DESCRIPTOR.services_by_name["ExportService"]
    by_id = {m.name for m in service.methods if {"export_id", "file_id"} & {f.name for f in m.input_type.fields}}
    assert by_id == set(OF_AN_EXPORT)


async def _built(api: Api, request: pb2.CreateExportRequest, metadata: Metadata) -> export_pb2.Export:
    export = await api.exports.CreateExport(request, metadata=metadata)
    await Worker(api).build(b"id,issuedAt\n")
    return await api.exports.GetExport(pb2.GetExportRequest(export_id=export.id), metadata=metadata)
