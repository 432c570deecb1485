"""The peer of downloads: `python -m bench.bare_stream FILE` serves the bytes of a file as fast as grpc.aio can.

It runs on uvloop, sends pieces of 1 MiB, and guarantees nothing. The first line of its output is the port. It serves
until its standard input ends.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import grpc
import uvloop

PIECE_BYTES = 1 << 20
METHOD = "/bench.Bare/Stream"


async def _serve(path: Path) -> None:
    async def stream(_request: bytes, context: Any) -> None:
        with path.open("rb", buffering=0) as file:
            while piece := file.read(PIECE_BYTES):
                await context.write(piece)

    service, _, method = METHOD[1:].partition("/")
    server = grpc.aio.server()
    server.add_registered_method_handlers(service, {method: grpc.unary_stream_rpc_method_handler(stream)})
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(0)


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1])))
