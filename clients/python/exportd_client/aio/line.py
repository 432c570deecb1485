"""The channel of an ExportClient and its stubs: one for the life of `async with`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from exportd.v1.export_service_pb2 import DownloadFileRequest
from exportd.v1.export_service_pb2_grpc import ExportServiceStub
from exportd.v1.operator_service_pb2_grpc import OperatorServiceStub
from exportd_client.channel import Endpoint

if TYPE_CHECKING:
    from exportd.v1.export_service_pb2_grpc import ExportServiceAsyncStub
    from exportd.v1.operator_service_pb2_grpc import OperatorServiceAsyncStub

_DOWNLOAD = "/exportd.v1.ExportService/DownloadFile"


@dataclass(frozen=True)
class Stubs:
    """downloads: DownloadFile with its messages as they came; protobuf would copy each piece twice more."""

    exports: "ExportServiceAsyncStub"
    operators: "OperatorServiceAsyncStub"
    downloads: "grpc.aio.UnaryStreamMultiCallable[DownloadFileRequest, bytes]"


class Line:
    """Open between `open` and `close`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._channel: grpc.aio.Channel | None = None
        self._stubs: Stubs | None = None

    async def open(self) -> None:
        """Connects when the first call is made. OSError: a file of TLS cannot be read."""
        self._channel = channel = _channel(self._endpoint)
        self._stubs = Stubs(
            ExportServiceStub(channel),
            OperatorServiceStub(channel),
            channel.unary_stream(_DOWNLOAD, request_serializer=DownloadFileRequest.SerializeToString),
        )

    async def close(self) -> None:
        """Ends what calls are left."""
        channel, self._channel, self._stubs = self._channel, None, None
        if channel is not None:
            await channel.close()

    @property
    def stubs(self) -> Stubs:
        """RuntimeError: it is not open."""
        if self._stubs is None:
            raise RuntimeError("an ExportClient works inside `async with` only")
        return self._stubs


def _channel(endpoint: Endpoint) -> grpc.aio.Channel:
    credentials, options = endpoint.credentials(), endpoint.options()
    if credentials is None:
        return grpc.aio.insecure_channel(endpoint.target, options=options)
    return grpc.aio.secure_channel(endpoint.target, credentials, options=options)
