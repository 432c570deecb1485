"""What readers that take nothing cost the api: memory that is bounded, and no call."""

import asyncio
import os
import sys
from pathlib import Path

from tests.integration.api.conftest import Api, Worker, until

READERS = 50
MAX_GROWTH_BYTES = 32 << 20
"""A small part of what they have not taken of their files."""

STALLED = """
import asyncio, sys
import grpc
from exportd.v1.export_service_pb2 import DownloadFileRequest

async def main(target, export_id, readers):
    request = DownloadFileRequest(export_id=export_id).SerializeToString()
    # Each has a connection of its own, whose window does not grow until the whole file fits into it.
    alone = (("grpc.use_local_subchannel_pool", 1), ("grpc.http2.bdp_probe", 0))
    channels = [grpc.aio.insecure_channel(target, options=alone) for _ in range(readers)]
    calls = [channel.unary_stream("/exportd.v1.ExportService/DownloadFile")(request) for channel in channels]
    for call in calls:
        taken = 0
        while taken < 2 << 20:  # so that the pieces have grown
            taken += len(await call.read())
    print("stalled", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


async def test_stalled_readers_take_little_memory_and_nobody_waits_for_them(api: Api, worker: Worker) -> None:
    export = await api.create()
    await worker.build(b"0123456789abcdef" * (1 << 20))
    await api.get(export.id)
    before = resident_bytes()
    caller = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STALLED, api.target, export.id, str(READERS), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert caller.stdout
        assert await caller.stdout.readline() == b"stalled\n"
        await until(lambda: downloads(api) == READERS)
        assert (await api.get(export.id)).file.size_bytes == 16 << 20
        assert resident_bytes() - before <= MAX_GROWTH_BYTES
    finally:
        caller.kill()
        await caller.wait()
    await until(lambda: downloads(api) == 0)


def downloads(api: Api) -> float | None:
    return api.parts.metrics.registry.get_sample_value("exportd_downloads_active")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
