"""Calls the api on behalf of callers, each with its own credentials."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import grpc
import grpc.aio
from google.protobuf.message import Message

from exportd.v1.export_service_pb2 import DownloadFileRequest
from exportd_client.channel import Endpoint
from exportd_client.download_message import data_of, header_of
from exportd_client.errors import ExportdError, Unreachable, from_rpc
from services.gateway.upstream.download import Download
from services.gateway.upstream.methods import METHODS, Method
from services.runtime.tasks.ending import end_tasks
from services.runtime.tracing.context import outgoing

Metadata = Sequence[tuple[str, str]]

MAX_WATCH_S = 3600.0
"""Longest time of one stream of changes; a caller then asks again."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The identity with which a call is made: the metadata, which has the key and the tenant, and the request's id."""

    metadata: Metadata
    request_id: str


class Api:
    """The channel to the api, open within `async with`. Every failure of a call is an ExportdError."""

    def __init__(self, endpoint: Endpoint, call_timeout_s: float) -> None:
        self._endpoint = endpoint
        self._timeout_s = call_timeout_s
        self._channel: grpc.aio.Channel | None = None
        self._following: asyncio.Task[None] | None = None
        self._calls: dict[str, Any] = {}
        self.is_reached = False
        """Whether the channel is connected."""

    async def __aenter__(self) -> Self:
        credentials, options = self._endpoint.credentials(), list(self._endpoint.options())
        if credentials is None:
            self._channel = grpc.aio.insecure_channel(self._endpoint.target, options=options)
        else:
            self._channel = grpc.aio.secure_channel(self._endpoint.target, credentials, options=options)
        self._calls = {name: _callable(self._channel, method) for name, method in METHODS.items()}
        self._following = asyncio.create_task(self._follow(self._channel))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._following:
            await end_tasks(self._following)
        if self._channel:
            await self._channel.close()

    async def call(self, name: str, request: Message, caller: Caller) -> Any:
        """Return the answer of a method that is no stream. Raises ExportdError."""
        try:
            return await self._calls[name](request, metadata=_metadata(caller), timeout=self._timeout_s)
        except grpc.aio.AioRpcError as error:
            raise self._typed(error, caller) from error

    async def watch(self, request: Message, caller: Caller) -> AsyncGenerator[Any]:
        """Yield the answers of WatchExport. Closing the generator cancels the call. Raises ExportdError."""
        call = self._calls["WatchExport"](request, metadata=_metadata(caller), timeout=MAX_WATCH_S)
        try:
            async for answer in call:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise self._typed(error, caller) from error
        finally:
            call.cancel()

    @asynccontextmanager
    async def download(self, request: DownloadFileRequest, caller: Caller) -> AsyncIterator[Download]:
        """Return a download that has begun. Leaving the context cancels the call. Raises ExportdError."""
        call = self._calls["DownloadFile"](request, metadata=_metadata(caller))
        try:
            first = await self._piece(call, caller)
            if first is None:
                raise Unreachable("the api ended the stream before its first message")
            yield Download(header_of(first), self._pieces(call, caller))
        finally:
            call.cancel()

    async def _pieces(self, call: Any, caller: Caller) -> AsyncGenerator[memoryview]:
        while (message := await self._piece(call, caller)) is not None:
            yield data_of(message)

    async def _piece(self, call: Any, caller: Caller) -> bytes | None:
        try:
            message = await call.read()
        except grpc.aio.AioRpcError as error:
            raise self._typed(error, caller) from error
        return None if message is grpc.aio.EOF else message

    def _typed(self, error: grpc.aio.AioRpcError, caller: Caller) -> ExportdError:
        return from_rpc(error, self._endpoint.target, caller.request_id)

    async def _follow(self, channel: grpc.aio.Channel) -> None:
        while True:
            state = channel.get_state(try_to_connect=True)
            self.is_reached = state is grpc.ChannelConnectivity.READY
            await channel.wait_for_state_change(state)


def _metadata(caller: Caller) -> Metadata:
    return (*caller.metadata, *outgoing())


def _callable(channel: grpc.aio.Channel, method: Method) -> Any:
    """Return what makes the calls of a method. Pieces of a file are not parsed: protobuf would copy them."""
    serialize: Callable[[Any], bytes] = method.request.SerializeToString
    parse = None if method.name == "DownloadFile" else method.answer.FromString
    make = channel.unary_stream if method.streams else channel.unary_unary
    return make(method.path, request_serializer=serialize, response_deserializer=parse)
