"""Lists that no client could receive at once, through a client that receives 4 MiB, as each does by itself."""

import asyncio

from exportd.v1 import export_service_pb2, operator_service_pb2
from exportd_client import ExportClient
from services.api.settings import ApiSettings
from tests.integration.api.conftest import Api, Worker, serving
from tests.integration.api.refusals import refused

TABLES = 400
COLUMNS = 45
HEADER = "h" * 230
HEAD = '[sources.shop]\nkind = "sql"\n'
FULL = export_service_pb2.COLLECTION_VIEW_FULL


def wide_collection(name: str) -> str:
    columns = ", ".join(f'{{ field = "column{n}", header = "{HEADER}" }}' for n in range(COLUMNS))
    return (
        f'[collections.{name}]\npath = "/{name}"\nsource = "shop"\ntable = "t"\nkey = "column0"\n'
        f'formats = ["CSV"]\ncolumns = [{columns}]\n'
    )


def with_catalog(settings: ApiSettings, tables: int) -> ApiSettings:
    settings.catalog.write_text(HEAD + "".join(wide_collection(f"T{n}") for n in range(tables)))
    return settings


async def test_exports_with_all_that_a_request_may_hold_are_listed_page_by_page(settings: ApiSettings) -> None:
    labels = {f"label-{number}": "x" * 256 for number in range(64)}
    async with serving(with_catalog(settings, 1)) as api:
        made = [export.id for export in await asyncio.gather(*(api.create("/T0", labels=labels) for _ in range(220)))]
        request, listed, pages = export_service_pb2.ListExportsRequest(page_size=700), [], 0
        while True:
            page = await api.exports.ListExports(request)
            listed += [export.id for export in page.exports]
            pages += 1
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
    assert pages > 1
    assert listed == sorted(made, reverse=True)


async def test_a_catalog_of_many_columns_is_listed_with_and_without_them(settings: ApiSettings) -> None:
    async with serving(with_catalog(settings, TABLES)) as api, ExportClient(api.target) as client:
        bare, whole = await client.collections(), await client.collections(with_columns=True)
        one = await client.collection("T7")
        page = await api.exports.ListCollections(export_service_pb2.ListCollectionsRequest(page_size=1000, view=FULL))
    assert [collection.type for collection in bare] == [f"T{n}" for n in range(TABLES)]
    assert all(not collection.columns for collection in bare)
    assert [collection.type for collection in whole] == [collection.type for collection in bare]
    assert {len(collection.columns) for collection in whole} == {COLUMNS}
    assert one == whole[7]
    assert len(page.collections) < TABLES
    assert page.next_page_token


async def test_a_list_of_collections_goes_on_when_the_catalog_was_read_again(settings: ApiSettings) -> None:
    async with serving(with_catalog(settings, 6)) as api:
        request = export_service_pb2.ListCollectionsRequest(page_size=3)
        first = await api.exports.ListCollections(request)
        request.page_token = first.next_page_token
        settings.catalog.write_text(HEAD + "".join(wide_collection(f"T{n}") for n in (0, 1, 3, 4, 5)))
        api.parts.catalog.reload()  # T2, where the page ended, is gone
        rest = await api.exports.ListCollections(request)
    assert [collection.type for collection in (*first.collections, *rest.collections)] == [
        "T0", "T1", "T2", "T3", "T4", "T5"
    ]  # fmt: skip


async def test_a_collection_that_is_none_is_not_found_by_its_nearest_name(api: Api) -> None:
    refusal = await refused(api.exports.GetCollection(export_service_pb2.GetCollectionRequest(type="Order")))
    assert (refusal.code, refusal.reason, refusal.metadata["nearest"]) == (
        "NOT_FOUND", "COLLECTION_NOT_FOUND", "Orders"
    )  # fmt: skip
    call = api.exports.ListCollections(export_service_pb2.ListCollectionsRequest(view=9))
    assert list((await refused(call)).violations) == ["view"]


async def test_the_queue_the_workers_the_history_and_the_deliveries_come_in_pages(api: Api, worker: Worker) -> None:
    for tenant in ("acme", "beta", "zeta"):
        async with ExportClient(api.target, tenant) as client:
            await client.create("/shops/7/orders", format="csv")
            queue = await client.operator.queue()
    assert [part.tenant for part in queue.tenants] == ["acme", "beta", "zeta"]
    request = operator_service_pb2.GetQueueRequest(page_size=2)
    page = await api.operators.GetQueue(request)
    request.page_token = page.next_page_token
    assert [part.tenant for part in (*page.tenants, *(await api.operators.GetQueue(request)).tenants)] == [
        "acme", "beta", "zeta"
    ]  # fmt: skip
    await worker.lease(max_jobs=3)
    running = operator_service_pb2.ListRunningExportsRequest(page_size=2)
    built = await api.operators.ListRunningExports(running)
    running.page_token = built.next_page_token
    both = (*built.running_exports, *(await api.operators.ListRunningExports(running)).running_exports)
    assert [each.tenant for each in both] == ["acme", "beta", "zeta"]
    assert {each.worker_id for each in both} == {worker.id}
    other = Worker(api)
    for each in (worker, other):
        await each.heartbeat()
    workers = operator_service_pb2.ListWorkersRequest(page_size=1)
    seen = await api.operators.ListWorkers(workers)
    workers.page_token = seen.next_page_token
    ids = [one.id for one in (*seen.workers, *(await api.operators.ListWorkers(workers)).workers)]
    assert ids == sorted([worker.id, other.id])
    export = await api.create()
    await api.exports.CancelExport(export_service_pb2.CancelExportRequest(export_id=export.id))
    history = export_service_pb2.ListTransitionsRequest(export_id=export.id, page_size=1)
    first = await api.exports.ListTransitions(history)
    history.page_token = first.next_page_token
    second = await api.exports.ListTransitions(history)
    assert [entry.version for entry in (*first.transitions, *second.transitions)] == [1, 2]
    assert second.transitions[0].before == first.transitions[0].after
    assert not second.next_page_token
    another = export_service_pb2.ListDeliveriesRequest(export_id=export.id, page_token=first.next_page_token)
    assert list((await refused(api.exports.ListDeliveries(another))).violations) == ["page_token"]
