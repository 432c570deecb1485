"""The caller of create_vs_echo and get_vs_echo, the same for both sides, in a process of its own.

`python -m bench.caller TARGET METHOD SECONDS [EXPORT_ID…]` makes unary calls over one channel, IN_FLIGHT at once, and
prints the results as JSON. CreateExport creates exports of ten rows, each with a new request_id, as ExportClient does;
GetExport reads the given ids in turn.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from uuid import uuid4

import grpc
import uvloop

from bench.access import Access
from exportd.v1.export_pb2 import FORMAT_CSV
from exportd.v1.export_service_pb2 import CreateExportRequest, GetExportRequest
from exportd.v1.export_service_pb2_grpc import ExportServiceStub

IN_FLIGHT = 50
TENANT = "bench"

Request = CreateExportRequest | GetExportRequest


def main() -> None:
    """Call for the given number of seconds."""
    target, method, seconds, *ids = sys.argv[1:]
    try:
        print(json.dumps(uvloop.run(_called(target, method, float(seconds), ids))))
    except grpc.aio.AioRpcError as refused:
        sys.exit(f"{refused.code().name}: {refused.details()}")


async def _called(target: str, method: str, seconds: float, ids: Sequence[str]) -> dict[str, object]:
    """Return the results. `ids` are those in the answers; `waits_ms` are the median and the 99th percentile."""
    waits, answered, access = [], [], Access.of_process()
    metadata = access.metadata(TENANT)
    async with access.channel(target) as channel:
        ask, following = getattr(ExportServiceStub(channel), method), _requests(ids)
        await ask(following(), metadata=metadata)  # now the connection exists
        begun = time.perf_counter()

        async def one_after_the_other() -> None:
            while (asked := time.perf_counter()) - begun < seconds:
                answer = await ask(following(), metadata=metadata)
                waits.append(time.perf_counter() - asked)
                answered.append(answer.id)

        await asyncio.gather(*(one_after_the_other() for _ in range(IN_FLIGHT)))
        took = time.perf_counter() - begun
    waits.sort()
    percentiles = [waits[len(waits) * part // 100] * 1000 for part in (50, 99)]
    return {"calls": len(waits), "seconds": took, "waits_ms": percentiles, "ids": answered}


def _requests(ids: Sequence[str]) -> Callable[[], Request]:
    if not ids:
        return lambda: CreateExportRequest(uri="/few", format=FORMAT_CSV, request_id=str(uuid4()))
    asked = itertools.cycle(ids)
    return lambda: GetExportRequest(export_id=next(asked))


if __name__ == "__main__":
    main()
