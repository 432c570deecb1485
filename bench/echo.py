"""The peer of calls, a bare gRPC server: `python -m bench.echo FILE` answers every unary call with the bytes of FILE.

It does not parse requests. It prints its port.
"""

import asyncio
import sys
from pathlib import Path

import grpc
import uvloop


class _Everything(grpc.GenericRpcHandler):
    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":  # noqa: ARG002
        return grpc.unary_unary_rpc_method_handler(self._call)

    async def _call(self, _request: bytes, _context: object) -> bytes:
        return self._answer


async def _serve(answer: bytes) -> None:
    server = grpc.aio.server(handlers=[_Everything(answer)])
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1]).read_bytes()))
