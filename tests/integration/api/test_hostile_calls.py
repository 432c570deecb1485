"""Calls as no client of ours makes them."""

import asyncio
import sys
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from exportd.v1 import export_service_pb2
from services.api.rpc.health_service import HealthServicer
from services.api.rpc.interceptor import CallInterceptor
from services.api.world import World
from tests.integration.api.conftest import Api, Worker, until
from tests.integration.api.refusals import refused

CODES = ("CANCELLED", "INTERNAL")
UNKNOWN = b"\xf8\x3f\x01"  # field 1023


@pytest.mark.parametrize("method", ["/grpc.health.v1.Health/Check", "/exportd.v1.OperatorService/GetQueue"])
@pytest.mark.parametrize("garbage", [b"\xff\xff\xff", b"\x0a\xff"])
async def test_an_undecodable_body_is_invalid_and_says_nothing_of_the_inside(
    api: Api, method: str, garbage: bytes
) -> None:
    async with grpc.aio.insecure_channel(api.target) as channel:
        refusal = await refused(channel.unary_unary(method)(garbage))
    assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    assert "pars" not in refusal.message.lower()


async def test_so_is_one_of_a_stream_of_health(api: Api) -> None:
    async with grpc.aio.insecure_channel(api.target) as channel:
        call = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"\xff\xff\xff")
        assert (await refused(call.read())).code == "INVALID_ARGUMENT"


async def test_an_unknown_service_of_health_is_not_found(api: Api) -> None:
    async with grpc.aio.insecure_channel(api.target) as channel:
        call = channel.unary_unary("/grpc.health.v1.Health/Check")
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await call(health_pb2.HealthCheckRequest(service="x" * 60_000).SerializeToString())
    assert failed.value.code() is grpc.StatusCode.NOT_FOUND
    assert len(failed.value.details() or "") < 100


class Watcher:
    """A context of a call. One that reads nothing takes no message to its end."""

    def __init__(self, *, reads: bool) -> None:
        self.told: list[int] = []
        self._reads = reads

    async def write(self, message: Any) -> None:
        if not self._reads:
            await asyncio.Event().wait()
        self.told.append(message.status)


async def test_a_watcher_of_health_that_reads_nothing_holds_nobody_up() -> None:
    serving = health_pb2.HealthCheckResponse
    health, lazy, eager = HealthServicer(("",)), Watcher(reads=False), Watcher(reads=True)
    request = health_pb2.HealthCheckRequest()
    watches = [asyncio.create_task(health.Watch(request, each)) for each in (lazy, eager)]  # type: ignore[arg-type]
    for ready in (True, True, False, True):
        await asyncio.sleep(0)
        health.ready(ready=ready)
        await until(lambda ready=ready: bool(eager.told) and (eager.told[-1] == serving.SERVING) is ready)  # type: ignore[misc]
    assert eager.told in ([2, 1, 2, 1], [1, 2, 1])
    health.end()
    health.ready(ready=True)
    await until(lambda: eager.told[-1] == serving.NOT_SERVING)
    for watch in watches:
        watch.cancel()


@pytest.mark.parametrize("names", [["a", "b"], ["a", "a"], ["", "a"]])
async def test_two_tenants_are_refused(api: Api, names: list[str]) -> None:
    request = export_service_pb2.ListExportsRequest()
    call = api.exports.ListExports(request, metadata=[("x-exportd-tenant", name) for name in names])
    assert list((await refused(call)).violations) == ["x-exportd-tenant"]


async def test_two_request_ids_are_no_reason_to_refuse(api: Api) -> None:
    await api.exports.ListExports(
        export_service_pb2.ListExportsRequest(), metadata=[("x-request-id", "a"), ("x-request-id", "b" * 5000)]
    )


def unknown_in(message: Any) -> Any:
    message.MergeFromString(UNKNOWN)
    return message


async def test_a_field_of_a_newer_version_is_refused_wherever_it_is(api: Api) -> None:
    create = export_service_pb2.CreateExportRequest(uri="/shops/7/orders")
    unknown_in(create.ttl)
    unknown_in(create.changed_since)
    assert set((await refused(api.exports.CreateExport(create))).violations) == {
        "ttl.field 1023",
        "changed_since.field 1023",
    }
    preview = unknown_in(export_service_pb2.PreviewExportRequest(export=create))
    assert set((await refused(api.exports.PreviewExport(preview))).violations) == {
        "field 1023",
        "export.ttl.field 1023",
        "export.changed_since.field 1023",
    }
    filters = unknown_in(export_service_pb2.ListExportsRequest())
    assert list((await refused(api.exports.ListExports(filters))).violations) == ["field 1023"]


async def is_stalled(api: Api) -> None:
    """Until a download is under way, and nothing more fits into the window of its stream."""
    await until(lambda: count(api, "exportd_downloads_active") == 1)
    await asyncio.sleep(0.3)


async def codes_of_downloads(api: Api) -> dict[str, float | None]:
    await until(lambda: count(api, "exportd_downloads_active") == 0)
    return {code: count(api, "exportd_calls_total", method="DownloadFile", code=code) for code in CODES}


@pytest.mark.parametrize("leave", ["cancel", "close"])
async def test_a_caller_who_leaves_a_stalled_download_is_no_defect(api: Api, worker: Worker, leave: str) -> None:
    export = await api.create()
    await worker.build(b"0123456789" * 2_000_000)
    channel = grpc.aio.insecure_channel(api.target)
    call = channel.unary_stream(
        "/exportd.v1.ExportService/DownloadFile",
        request_serializer=export_service_pb2.DownloadFileRequest.SerializeToString,
    )(export_service_pb2.DownloadFileRequest(export_id=export.id))
    await call.read()
    await is_stalled(api)
    call.cancel() if leave == "cancel" else None
    await channel.close()
    assert await codes_of_downloads(api) == {"CANCELLED": 1, "INTERNAL": None}


STALLED = """
import sys, time
import grpc
from exportd.v1.export_service_pb2 import DownloadFileRequest
method = grpc.insecure_channel(sys.argv[1]).unary_stream("/exportd.v1.ExportService/DownloadFile")
answers = method(DownloadFileRequest(export_id=sys.argv[2]).SerializeToString())
next(answers)
time.sleep(600)
"""


async def test_nor_is_one_who_dies(api: Api, worker: Worker) -> None:
    export = await api.create()
    await worker.build(b"0123456789" * 2_000_000)
    caller = await asyncio.create_subprocess_exec(sys.executable, "-c", STALLED, api.target, export.id)
    try:
        await is_stalled(api)
    finally:
        caller.kill()
        await caller.wait()
    assert await codes_of_downloads(api) == {"CANCELLED": 1, "INTERNAL": None}


class OpenGate:
    async def admit(self, method: str, request: Any, context: Any) -> None:
        """Lets everybody in."""


async def test_what_cannot_be_sent_is_no_defect(api: Api) -> None:
    """gRPC tells the one before the other, or the other way round."""
    interceptor = CallInterceptor(api.parts.metrics, World(), 1000, OpenGate())

    async def broken(_request: Any, _context: Any) -> None:
        raise grpc.aio.InternalError("Failed execute_batch")

    async def handler(_details: Any) -> Any:
        return grpc.unary_stream_rpc_method_handler(broken, request_deserializer=bytes)

    details = SimpleNamespace(method="/exportd.v1.ExportService/DownloadFile")
    context = SimpleNamespace(invocation_metadata=tuple, cancelled=lambda: False, peer=lambda: "ipv4:127.0.0.1:1")
    wrapped = await interceptor.intercept_service(handler, details)  # type: ignore[arg-type]
    with pytest.raises(asyncio.CancelledError):
        await wrapped.unary_stream(export_service_pb2.DownloadFileRequest(), context)
    assert await codes_of_downloads(api) == {"CANCELLED": 1, "INTERNAL": None}


def count(api: Api, name: str, **labels: str) -> float | None:
    return api.parts.metrics.registry.get_sample_value(name, labels)
