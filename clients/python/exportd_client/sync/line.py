"""The channel of a SyncExportClient and its stubs: one per process, created by the first call.

A channel does not survive a fork, because its threads belong to the parent. A child therefore abandons the channel that
it inherited and creates its own.
"""

import os
import threading
import weakref
from dataclasses import dataclass

import grpc

from exportd.v1.export_service_pb2 import DownloadFileRequest
from exportd.v1.export_service_pb2_grpc import ExportServiceStub
from exportd.v1.key_service_pb2_grpc import KeyServiceStub
from exportd.v1.link_service_pb2_grpc import LinkServiceStub
from exportd.v1.operator_service_pb2_grpc import OperatorServiceStub
from exportd_client.channel import Endpoint

_DOWNLOAD = "/exportd.v1.ExportService/DownloadFile"


@dataclass(frozen=True)
class Stubs:
    """The stubs of the services.

    downloads: DownloadFile with unparsed messages; protobuf would copy each piece twice more.
    """

    exports: ExportServiceStub
    operators: OperatorServiceStub
    keys: KeyServiceStub
    links: LinkServiceStub
    downloads: "grpc.UnaryStreamMultiCallable[DownloadFileRequest, bytes]"


class Line:
    """A channel that opens at the first call, again after `close`, and in each child of a fork.

    Threads may share it.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None = None
        self._stubs: Stubs | None = None
        _LINES.add(self)

    def open(self) -> None:
        """Open the channel. Raises OSError if a file of TLS cannot be read."""
        _ = self.stubs

    def close(self) -> None:
        """End all running calls and close the channel."""
        with self._lock:
            channel, self._channel, self._stubs = self._channel, None, None
        if channel is not None:
            channel.close()

    @property
    def stubs(self) -> Stubs:
        """The stubs, after opening the channel if necessary. Raises OSError if a file of TLS cannot be read."""
        with self._lock:
            if self._stubs is None:
                self._channel = _channel(self._endpoint)
                self._stubs = _stubs(self._channel)
            return self._stubs

    def abandon(self) -> None:
        """Forget the parent's channel in a child process.

        The channel is neither used nor closed. Its lock is replaced, since the parent may have held it during the fork.
        """
        _ABANDONED.append(self._channel)
        self._lock, self._channel, self._stubs = threading.Lock(), None, None


_LINES: "weakref.WeakSet[Line]" = weakref.WeakSet()
_ABANDONED: list[grpc.Channel | None] = []
"""Channels of the parent, which a child must not even destroy: that would wait for threads that it does not have."""


def _abandon_all() -> None:
    for line in list(_LINES):
        line.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)


def _channel(endpoint: Endpoint) -> grpc.Channel:
    credentials, options = endpoint.credentials(), endpoint.options()
    if credentials is None:
        return grpc.insecure_channel(endpoint.target, options=options)
    return grpc.secure_channel(endpoint.target, credentials, options=options)


def _stubs(channel: grpc.Channel) -> Stubs:
    return Stubs(
        ExportServiceStub(channel),
        OperatorServiceStub(channel),
        KeyServiceStub(channel),
        LinkServiceStub(channel),
        channel.unary_stream(_DOWNLOAD, request_serializer=DownloadFileRequest.SerializeToString),
    )
