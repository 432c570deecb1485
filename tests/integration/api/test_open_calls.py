"""Calls that are open end within seconds when their credentials end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import grpc
import pytest

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.v1 import export_pb2, export_service_pb2
from services.api.domain.keys import Holder
from services.api.rpc.interceptor import WAITING
from services.api.settings import ApiSettings
from services.api.usecases.keys import Keys, NewKey
from services.api.world import World
from tests.integration.api.conftest import Api, Clock, Worker, serving
from tests.integration.api.refusals import refused
from tests.integration.api.test_keys import METHODS, keys, of_tenant
from tests.patience import PATIENCE_S

__all__ = ["keys"]
CREATE = export_service_pb2.CreateExportRequest(uri="/shops/7/orders", format=export_pb2.FORMAT_CSV)
Call = Callable[[Api, list[tuple[str, str]], str], grpc.aio.Call]


@pytest.fixture
async def api(settings: ApiSettings, clock: Clock) -> AsyncIterator[Api]:
    async with serving(settings, World(clock=clock, monotonic=clock.monotonic)) as served:
        yield served


def watch(api: Api, metadata: list[tuple[str, str]], export_id: str) -> grpc.aio.Call:
    return api.exports.WatchExport(export_service_pb2.WatchExportRequest(export_id=export_id), metadata=metadata)


def download(api: Api, metadata: list[tuple[str, str]], export_id: str) -> grpc.aio.Call:
    """Of a file that is larger than what the transport takes without a reader."""
    return api.exports.DownloadFile(export_service_pb2.DownloadFileRequest(export_id=export_id), metadata=metadata)


def preview(api: Api, metadata: list[tuple[str, str]], _: str) -> grpc.aio.Call:
    return api.exports.PreviewExport(
        export_service_pb2.PreviewExportRequest(export=CREATE, max_rows=1), metadata=metadata
    )


def directives(api: Api, metadata: list[tuple[str, str]], _: str) -> grpc.aio.Call:
    return api.jobs.WatchDirectives(queue_pb2.WatchDirectivesRequest(worker_id=Worker(api).id), metadata=metadata)


def lease(api: Api, metadata: list[tuple[str, str]], _: str) -> grpc.aio.Call:
    request = queue_pb2.LeaseJobsRequest(worker_id=Worker(api).id, poll_id=Worker(api).id, max_jobs=1)
    request.wait.seconds = 25
    return api.jobs.LeaseJobs(request, metadata=metadata)


def take(api: Api, metadata: list[tuple[str, str]], _: str) -> grpc.aio.Call:
    request = queue_pb2.TakePreviewRequest(worker_id=Worker(api).id)
    request.wait.seconds = 25
    return api.jobs.TakePreview(request, metadata=metadata)


CALLERS: dict[str, Call] = {"WatchExport": watch, "DownloadFile": download, "PreviewExport": preview}
WORKERS: dict[str, Call] = {"WatchDirectives": directives, "LeaseJobs": lease, "TakePreview": take}


def test_every_call_that_lasts_is_among_them() -> None:
    streams = {name.rpartition("/")[2] for name, method in METHODS.items() if method.server_streaming}
    assert streams | WAITING | {"WatchDirectives"} == {*CALLERS, *WORKERS}


async def test_a_call_of_a_caller_ends_with_its_key(api: Api, keys: Keys, clock: Clock) -> None:
    """One that is revoked, one that expires; a third key goes on."""
    revoked = await keys.create(NewKey(Holder.CALLER, "acme"))
    passing = await keys.create(NewKey(Holder.CALLER, "acme", lasts=timedelta(minutes=1)))
    lasting = await of_tenant(keys)
    waiting = (await api.exports.CreateExport(CREATE, metadata=lasting)).id
    built = await _built(api, lasting)
    opened = {}
    for name, call in CALLERS.items():
        for key in (revoked[1], passing[1], lasting[0][1]):
            export_id = built if call is download else waiting
            opened[name, key] = call(api, [("x-api-key", key)], export_id)
    await api.previews_in_line(3)
    await _open(api, 0, 9)
    await keys.revoke(revoked[0].id)
    clock.now += timedelta(minutes=2)
    for (name, key), call in opened.items():
        if key != lasting[0][1]:
            assert (await refused(_end(call))).reason == "BAD_CREDENTIALS", name
    assert not any(call.done() for (_, key), call in opened.items() if key == lasting[0][1])
    for call in opened.values():
        call.cancel()


async def test_a_call_of_a_worker_ends_with_its_token(api: Api, keys: Keys, clock: Clock) -> None:
    first, token = await keys.create(NewKey(Holder.WORKER))
    clock.now += timedelta(seconds=2)
    opened = [call(api, [("authorization", f"Bearer {token}")], "") for call in WORKERS.values()]
    await _open(api, 1, len(WORKERS))
    await keys.revoke(first.id)
    clock.now += timedelta(seconds=2)
    for call in opened:
        assert (await refused(_end(call))).reason == "BAD_CREDENTIALS"


async def test_what_began_before_the_first_key_ends_with_it(api: Api, keys: Keys, clock: Clock) -> None:
    created = await api.exports.CreateExport(CREATE)
    await Worker(api).lease()
    opened = [watch(api, [], created.id), *(call(api, [], "") for call in WORKERS.values())]
    await _open(api, 0, 1)
    await _open(api, 1, len(WORKERS))
    await keys.create(NewKey(Holder.CALLER, "acme"))
    await keys.create(NewKey(Holder.WORKER))
    clock.now += timedelta(seconds=2)
    for call in opened:
        assert (await refused(_end(call))).reason == "BAD_CREDENTIALS"


async def test_a_job_that_was_on_its_way_goes_back(api: Api, keys: Keys, clock: Clock) -> None:
    """What a poll claims as it ends is leased to nobody."""
    first, token = await keys.create(NewKey(Holder.WORKER))
    clock.now += timedelta(seconds=2)
    polling = lease(api, [("authorization", f"Bearer {token}")], "")
    await api.polls_in_line(1)
    await keys.revoke(first.id)
    clock.now += timedelta(seconds=2)
    assert (await refused(_end(polling))).reason == "BAD_CREDENTIALS"
    await api.polls_in_line(0)
    export = await api.exports.CreateExport(CREATE)
    assert (await api.get(export.id)).state == export_pb2.Export.STATE_QUEUED


async def _built(api: Api, metadata: list[tuple[str, str]]) -> str:
    export = await api.exports.CreateExport(CREATE, metadata=metadata)
    worker = Worker(api)
    jobs = {}
    while export.id not in jobs:
        jobs |= {job.export_id: job for job in await worker.lease()}
    job = jobs[export.id]
    await worker.heartbeat(*jobs.values())
    await worker.complete(job, worker.file(job, bytes(20_000_000)))
    return export.id


async def _open(api: Api, port: int, count: int) -> None:
    """Until so many calls of a port are open."""
    async with asyncio.timeout(PATIENCE_S):
        while api.parts.servers.open_calls[port].count < count:
            await asyncio.sleep(0.01)  # between two looks


async def _end(call: grpc.aio.Call) -> None:
    async with asyncio.timeout(PATIENCE_S):
        if isinstance(call, Awaitable):
            await call
        else:
            while await call.read() is not grpc.aio.EOF:
                pass
