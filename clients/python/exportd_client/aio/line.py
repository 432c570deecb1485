"""The channel of an ExportClient and its stubs, which exist while its `async with` block runs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from exportd.v1.export_service_pb2 import DownloadFileRequest
from exportd.v1.export_service_pb2_grpc import ExportServiceStub
from exportd.v1.key_service_pb2_grpc import KeyServiceStub
from exportd.v1.link_service_pb2_grpc import LinkServiceStub
from exportd.v1.operator_service_pb2_grpc import OperatorServiceStub
from exportd_client.channel import Endpoint

if TYPE_CHECKING:
    from exportd.v1.export_service_pb2_grpc import ExportServiceAsyncStub
    from exportd.v1.key_service_pb2_grpc import KeyServiceAsyncStub
    from exportd.v1.link_service_pb2_grpc import LinkServiceAsyncStub
    from exportd.v1.operator_service_pb2_grpc import OperatorServiceAsyncStub

_DOWNLOAD = "/exportd.v1.ExportService/DownloadFile"


@dataclass(frozen=True)
class Stubs:
    """The stubs of the services.

    downloads: DownloadFile with unparsed messages; protobuf would copy each piece twice more.
    """

    exports: "ExportServiceAsyncStub"
    operators: "OperatorServiceAsyncStub"
    keys: "KeyServiceAsyncStub"
    links: "LinkServiceAsyncStub"
    downloads: "grpc.aio.UnaryStreamMultiCallable[DownloadFileRequest, bytes]"


class Line:
    """A channel, open between `open` and `close`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._channel: grpc.aio.Channel | None = None
        self._stubs: Stubs | None = None

    async def open(self) -> None:
        """Create the channel, which connects at the first call. Raises OSError if a file of TLS cannot be read."""
        self._channel = channel = _channel(self._endpoint)
        self._stubs = Stubs(
            ExportServiceStub(channel),
            OperatorServiceStub(channel),
            KeyServiceStub(channel),
            LinkServiceStub(channel),
            channel.unary_stream(_DOWNLOAD, request_serializer=DownloadFileRequest.SerializeToString),
        )

    async def close(self) -> None:
        """End all running calls and close the channel."""
        channel, self._channel, self._stubs = self._channel, None, None
        if channel is not None:
            await channel.close()

    @property
    def stubs(self) -> Stubs:
        """The stubs. Raises RuntimeError if the channel is not open."""
        if self._stubs is None:
            raise RuntimeError("an ExportClient works inside `async with` only")
        return self._stubs


def _channel(endpoint: Endpoint) -> grpc.aio.Channel:
    credentials, options = endpoint.credentials(), endpoint.options()
    if credentials is None:
        return grpc.aio.insecure_channel(endpoint.target, options=options)
    return grpc.aio.secure_channel(endpoint.target, credentials, options=options)
