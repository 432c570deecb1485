"""What every call has: a request id that is told, a bound on the request, and reflection where nobody else can ask."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from grpc_status import rpc_status

from exportd.v1 import export_service_pb2, operator_service_pb2
from exportd_client import ExportClient, InvalidArgument, NotFound
from services.api.settings import ApiSettings
from services.runtime.channels import MAX_REQUEST_BYTES
from tests.integration.api.conftest import Api, serving
from tests.integration.api.refusals import refused

NOBODY = "01935a00-0000-7000-8000-000000000000"


async def told(call: Any) -> str:
    """The request id that a unary call tells: with its end, so that gRPC sends one batch, and not before."""
    assert "x-request-id" not in dict(await call.initial_metadata())
    return str(dict(await call.trailing_metadata())["x-request-id"])


async def told_at_once(stream: Any) -> str:
    """The request id that a stream tells before its first message."""
    return str(dict(await stream.initial_metadata())["x-request-id"])


async def test_a_request_id_comes_back_with_answers_streams_and_errors(api: Api) -> None:
    export = await api.create()
    mine = [("x-request-id", "mine-1")]
    get = export_service_pb2.GetExportRequest(export_id=export.id)
    assert await told(api.exports.GetExport(get, metadata=mine)) == "mine-1"
    assert len({await told(api.exports.GetExport(get)) for _ in range(2)}) == 2
    watch = api.exports.WatchExport(export_service_pb2.WatchExportRequest(export_id=export.id), metadata=mine)
    assert await told_at_once(watch) == "mine-1"
    watch.cancel()
    no_watch = api.exports.WatchExport(export_service_pb2.WatchExportRequest(export_id=NOBODY), metadata=mine)
    assert await told_at_once(no_watch) == "mine-1"
    failing = api.exports.GetExport(export_service_pb2.GetExportRequest(export_id=NOBODY), metadata=mine)
    assert await told(failing) == "mine-1"
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await failing
    status = rpc_status.from_call(failed.value)
    assert status is not None
    info = error_details_pb2.RequestInfo()
    assert [detail.Unpack(info) for detail in status.details].count(True) == 1
    assert info.request_id == "mine-1"
    assert info.serving_data == ""


async def test_a_client_knows_under_what_id_the_log_has_a_refused_call(api: Api) -> None:
    async with ExportClient(api.target) as client:
        with pytest.raises(NotFound) as failed:
            await client.get(NOBODY)
    assert len(failed.value.request_id) == 36


@pytest.mark.parametrize("excess", [1, 1 << 19])
async def test_a_request_that_is_too_large_names_the_field_that_takes_most_of_it(api: Api, excess: int) -> None:
    labels = {f"label-{number}": "x" * 200 for number in range((MAX_REQUEST_BYTES + excess) // 200)}
    refusal = await refused(api.create(labels=labels, filename="f" * 1000))
    assert (refusal.code, refusal.reason, list(refusal.violations)) == (
        "INVALID_ARGUMENT", "INVALID_REQUEST", ["labels"]
    )  # fmt: skip
    assert f"at most {MAX_REQUEST_BYTES} go" in refusal.violations["labels"]
    of_operators = api.operators.RetryExport(
        operator_service_pb2.RetryExportRequest(export_id=NOBODY, password="x" * (MAX_REQUEST_BYTES + excess))
    )
    assert list((await refused(of_operators)).violations) == ["password"]


async def test_a_request_of_just_the_size_that_is_allowed_is_read(api: Api) -> None:
    request = export_service_pb2.CreateExportRequest(uri="/shops/7/orders", format="FORMAT_CSV")
    request.filename = "f" * (MAX_REQUEST_BYTES - request.ByteSize() - 5)
    assert MAX_REQUEST_BYTES - 5 < request.ByteSize() <= MAX_REQUEST_BYTES
    assert list((await refused(api.exports.CreateExport(request))).violations) == ["filename"]


async def test_violations_that_no_answer_has_room_for_are_counted(api: Api) -> None:
    labels = {f"UPPER-{number}": "x" for number in range(200)}
    refusal = await refused(api.create(labels=labels))
    assert 10 < len(refusal.violations) < 200
    assert refusal.metadata["violation_count"] == "201"  # and one for their number
    async with ExportClient(api.target) as client:
        with pytest.raises(InvalidArgument) as failed:
            await client.create("/shops/7/orders", labels=labels)
    assert failed.value.metadata["violation_count"] == "201"


async def asked(target: str, *requests: reflection_pb2.ServerReflectionRequest) -> list[Any]:
    async def all_() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        for request in requests:
            yield request

    async with grpc.aio.insecure_channel(target) as channel:
        return [answer async for answer in ServerReflectionStub(channel).ServerReflectionInfo(all_())]


async def test_reflection_shows_the_services_of_callers_and_their_messages(api: Api) -> None:
    listed, file = await asked(
        api.target,
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="exportd.v1.ExportService"),
    )
    assert {service.name for service in listed.list_services_response.service} == {
        "exportd.v1.ExportService",
        "exportd.v1.OperatorService",
        "exportd.v1.KeyService",
        "exportd.v1.LinkService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    described = descriptor_pb2.FileDescriptorProto.FromString(file.file_descriptor_response.file_descriptor_proto[0])
    assert described.name == "exportd/v1/export_service.proto"


async def test_reflection_can_be_switched_off(settings: ApiSettings) -> None:
    async with serving(replace(settings, reflection=False)) as api:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await asked(api.target, reflection_pb2.ServerReflectionRequest(list_services=""))
    assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    ("choice", "on"), [({}, True), ({"EXPORTD_REFLECTION": "on"}, True), ({"EXPORTD_REFLECTION": "off"}, False)]
)
def test_reflection_is_on_by_itself_on_loopback(choice: dict[str, str], *, on: bool) -> None:
    assert ApiSettings.from_env({"EXPORTD_CATALOG": "catalog.toml", **choice}).reflection is on
