"""Previews: a caller asks, a worker answers, the api keeps nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.v1 import export_service_pb2
from services.api.settings import ApiSettings, Waits
from tests.integration.api.conftest import Api, serving, until
from tests.integration.api.refusals import refused
from tests.patience import PATIENCE_S


@pytest.fixture
async def api(settings: ApiSettings) -> AsyncIterator[Api]:
    """Callers are told within seconds; here a worker on a busy machine has time to come."""
    async with serving(replace(settings, waits=Waits(preview_taken_s=60, preview_answered_s=60))) as served:
        yield served


def preview(api: Api, uri: str = "/shops/7/orders", rows: int = 0, **fields: object):
    export = export_service_pb2.CreateExportRequest(uri=uri, **fields)
    return api.exports.PreviewExport(export_service_pb2.PreviewExportRequest(export=export, max_rows=rows))


async def take(api: Api) -> queue_pb2.Preview:
    wait = Duration(seconds=10)
    return (
        await api.jobs.TakePreview(queue_pb2.TakePreviewRequest(worker_id=str(uuid4()), wait=wait), timeout=PATIENCE_S)
    ).preview


async def finish(api: Api, preview_id: str, **answer: object) -> None:
    await api.jobs.FinishPreview(queue_pb2.FinishPreviewRequest(preview_id=preview_id, **answer))


async def test_a_preview_is_what_a_worker_read(api: Api) -> None:
    taking = asyncio.create_task(take(api))
    asking = asyncio.ensure_future(preview(api, "/shops/7/orders?order[id]=desc", rows=5))
    asked = await taking
    assert (asked.max_rows, asked.spec.collection, asked.spec.order[0].descending) == (5, "Orders", True)
    await finish(api, asked.id, rows=['{"id": "1"}'], rows_total=9)
    answer = await asking
    assert list(answer.rows) == ['{"id": "1"}']
    assert (answer.rows_total, answer.query) == (9, "order[id]=desc")
    assert [column.field for column in answer.columns] == ["id", "issuedAt"]
    listed = await api.exports.ListExports(export_service_pb2.ListExportsRequest())
    assert list(listed.exports) == []


async def test_a_collection_that_is_not_offered_as_json_is_shown_too(api: Api) -> None:
    asking = asyncio.ensure_future(preview(api, "/shops"))
    await finish(api, (await take(api)).id, rows=['{"id": 1}'])
    assert list((await asking).rows) == ['{"id": 1}']


async def test_what_went_wrong_is_told(api: Api) -> None:
    asking = asyncio.ensure_future(refused(preview(api)))
    asked = await take(api)
    await finish(api, asked.id, failure=queue_pb2.Failure(code="SOURCE_UNAVAILABLE", message="the source is away"))
    refusal = await asking
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "PREVIEW_FAILED")
    assert refusal.metadata["failure"] == "SOURCE_UNAVAILABLE"
    assert "the source is away" in refusal.message


async def test_without_a_free_worker_there_is_none(settings: ApiSettings) -> None:
    async with serving(replace(settings, waits=Waits(preview_taken_s=0.1))) as api:
        refusal = await refused(preview(api))
        assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "NO_WORKER")
        await finish(api, "0189d3b0-0000-4000-8000-000000000000")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"uri": "/shops/7/orders?x=1"}, "uri.query[x]"),
        ({"rows": 101}, "max_rows"),
        ({"request_id": "r"}, "export.request_id"),
    ],
)
async def test_what_cannot_be_is_refused_before_any_worker_is_asked(api: Api, fields, named) -> None:
    assert list((await refused(preview(api, **fields))).violations) == [named]


async def test_a_preview_whose_caller_left_is_not_handed_out(api: Api) -> None:
    call = preview(api)
    await api.previews_in_line(1)
    call.cancel()
    with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
        await call
    await api.previews_in_line(0)  # the cut and the worker come over different lines, in either order
    taking = asyncio.create_task(take(api))
    asking = asyncio.ensure_future(preview(api, rows=7))
    asked = await taking
    assert asked.max_rows == 7
    await finish(api, asked.id)
    assert list((await asking).rows) == []


async def test_one_tenant_leaves_room_for_the_previews_of_others(api: Api) -> None:
    asked = [asyncio.ensure_future(preview(api)) for _ in range(40)]
    await until(lambda: sum(each.done() for each in asked) == 8)
    sent_away = [each for each in asked if each.done()]
    assert {(await refused(each)).reason for each in sent_away} == {"TOO_MANY_STREAMS"}
    for _ in range(32):
        await finish(api, (await take(api)).id)
    assert len(await asyncio.gather(*(each for each in asked if each not in sent_away))) == 32
