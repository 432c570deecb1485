"""Few open files: calls are refused as "later", not broken, and the limit that was too low is said at the start."""

import json
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import psutil
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from exportd.v1 import export_service_pb2
from exportd.v1.export_service_pb2_grpc import ExportServiceStub
from exportd_client import Export, ExportClient
from services.api.app import OPEN_FILES
from tests.integration.programs.conftest import PROGRAMS, Place, Running, path_of, started, until, up
from tests.integration.programs.test_lost_log import free_addresses, the_end_of
from tests.tiers import deep, deep_but

UNLIMITED = resource.RLIM_INFINITY


@contextmanager
def limited(program: str, place: Place, soft: int, hard: int, **settings: str) -> Iterator[Running]:
    """A program that is up, started with these limits of open files."""
    log = place.folder / f"{program}.log"
    command = ["prlimit", f"--nofile={soft}:{hard}", str(path_of(program))]
    with log.open("w") as file, started(command, place.environ(**settings), stderr=file) as process:
        running = Running(process, log)
        running.until_said('"serving"' if program == "exportd-api" else '"worker_ready"')
        yield running


def warnings_of(running: Running) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in running.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "open_files_limit_low"]


@pytest.mark.parametrize("program", deep_but(PROGRAMS, "exportd-api"))
def test_the_soft_limit_is_raised_to_the_hard_one(program: str, place: Place) -> None:
    hard = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 8192)
    if hard < OPEN_FILES:
        pytest.skip("this machine does not let a process open so many files")
    with limited(program, place, 256, hard) as running:
        assert psutil.Process(running.process.pid).rlimit(resource.RLIMIT_NOFILE) == (hard, hard)
        assert warnings_of(running) == []


@deep
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_limit_that_is_too_low_for_its_own_limits_is_said(program: str, place: Place) -> None:
    with limited(program, place, 300, 300) as running:
        (warning,) = warnings_of(running)
        assert warning["limit"] == 300


@pytest.fixture
def crowd() -> Iterator[ExitStack]:
    """Connections that somebody holds open."""
    with ExitStack() as stack:
        yield stack


@deep
async def test_without_open_files_a_download_is_unavailable_for_now_and_comes_later(
    place: Place, crowd: ExitStack
) -> None:
    listen, queue = free_addresses(2)
    settings = {"EXPORTD_LISTEN": listen, "EXPORTD_QUEUE_LISTEN": queue, "EXPORTD_QUEUE_ADDRESS": queue}
    with limited("exportd-api", place, 64, 64, **settings) as api, up("exportd-worker", place, **settings):
        async with ExportClient(listen) as client, grpc.aio.insecure_channel(listen) as channel:
            export = await the_end_of(client, "/orders")
            stub = ExportServiceStub(channel)
            await channel.channel_ready()
            use_up(crowd, api, listen)
            refusal = await refused(stub, export)
            assert refusal.code() == grpc.StatusCode.UNAVAILABLE
            assert {reason(refusal), has_retry_info(refusal)} == {"OVERLOADED", True}
            api.until_said('"overloaded"')
            assert "call_failed" not in api.log.read_text()
            crowd.close()
            until(lambda: files_of(api) < 64, api)
            data = b"".join([chunk async for chunk in client.stream(export)])
            assert data.count(b"\n") == 4
        api.process.send_signal(signal.SIGTERM)
        assert api.ends() == 0


def files_of(running: Running) -> int:
    return len(list(Path(f"/proc/{running.process.pid}/fd").iterdir()))


def use_up(crowd: ExitStack, api: Running, listen: str) -> None:
    """Connect until the api has no file left."""
    host, port = listen.split(":")
    for _ in range(80):
        crowd.enter_context(socket.create_connection((host, int(port))))
    until(lambda: files_of(api) >= 64, api)


async def refused(stub: ExportServiceStub, export: Export) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        async for _ in stub.DownloadFile(export_service_pb2.DownloadFileRequest(export_id=export.id)):
            pass
    return error.value


def details(refusal: grpc.aio.AioRpcError, kind: type) -> list[object]:
    rich = rpc_status.from_call(refusal)
    found = [kind() for _ in rich.details]
    return [one for one, detail in zip(found, rich.details, strict=True) if detail.Unpack(one)]


def reason(refusal: grpc.aio.AioRpcError) -> str:
    (info,) = details(refusal, error_details_pb2.ErrorInfo)
    return info.reason


def has_retry_info(refusal: grpc.aio.AioRpcError) -> bool:
    return len(details(refusal, error_details_pb2.RetryInfo)) == 1
