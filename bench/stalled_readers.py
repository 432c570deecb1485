"""Readers that stall: `python -m bench.stalled_readers COUNT BYTES`.

The request in standard input is sent COUNT times. Each reader has a connection of its own and takes BYTES of the file,
so that the pieces have grown. The program prints a line when all have stalled, and keeps them until its standard input
ends.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack

import grpc
import uvloop

from bench.stream_reader import Asked, called

_ALONE = (("grpc.use_local_subchannel_pool", 1),)


async def _stall(asked: Asked, count: int, taken_bytes: int) -> None:
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(asked.target, options=_ALONE))
            for _ in range(count)
        ]
        calls = [called(channel, asked) for channel in channels]
        for some in (calls[begin : begin + 8] for begin in range(0, count, 8)):
            await asyncio.gather(*(_take(call, taken_bytes) for call in some))
        print("stopped", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        for call in calls:
            call.cancel()


async def _take(call: "grpc.aio.UnaryStreamCall[bytes, bytes]", taken_bytes: int) -> None:
    while taken_bytes > 0 and isinstance(message := await call.read(), bytes):
        taken_bytes -= len(message)


if __name__ == "__main__":
    uvloop.run(_stall(Asked(**json.loads(sys.stdin.readline())), *map(int, sys.argv[1:])))
