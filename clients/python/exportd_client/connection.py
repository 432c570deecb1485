"""The line to one service: a channel, the tenant, and how often a call that found nobody is made again."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import grpc
import grpc.aio

from exportd.v1.export_service_pb2 import DownloadFileRequest
from exportd.v1.export_service_pb2_grpc import ExportServiceStub
from exportd.v1.operator_service_pb2_grpc import OperatorServiceStub
from exportd_client.errors import ExportdError, Unreachable, from_rpc

if TYPE_CHECKING:
    from exportd.v1.export_service_pb2_grpc import ExportServiceAsyncStub
    from exportd.v1.operator_service_pb2_grpc import OperatorServiceAsyncStub


class PagedRequest(Protocol):
    """What every request for a list has."""

    page_token: str


class Page(Protocol):
    """What every page of a list has."""

    @property
    def next_page_token(self) -> str: ...


Request = TypeVar("Request")
Answer = TypeVar("Answer")
ListRequest = TypeVar("ListRequest", bound=PagedRequest)
ListAnswer = TypeVar("ListAnswer", bound=Page)

MAX_PAGE_SIZE = 1000
"""For who wants a whole list: the service bounds a page by its bytes, too."""

DEFAULT_PORT = 50051
_DOWNLOAD = "/exportd.v1.ExportService/DownloadFile"
_TENANT_KEY = "x-exportd-tenant"
# A call that answers once must do so in this time; streams have none, keepalive watches over them.
_CALL_SECONDS = 30.0
_OPTIONS = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A watch of an export that waits has no data for hours, and is to be kept alive all the same.
    ("grpc.http2.max_pings_without_data", 0),
    # The default of 120 s would outlast the patience with an outage.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 3_000),
    # An http_proxy in the environment is for web pages; it would even swallow calls to 127.0.0.1.
    ("grpc.enable_http_proxy", 0),
)


@dataclass(frozen=True)
class Patience:
    """How long calls are repeated while the service can't be reached, in seconds.

    first_contact: when it has never answered: most likely the address is wrong.
    outage: since it last answered: most likely it restarts.
    shortest, longest: pauses between two calls; they double from one to the other, with jitter.
    """

    first_contact: float = 3.0
    outage: float = 60.0
    shortest: float = 0.1
    longest: float = 5.0


def with_port(target: str) -> str:
    """`target` with exportd's own port when it names none; gRPC would take that of https.

    A target of gRPC's own with a scheme, such as "unix:/run/exportd" or "dns:///host", stays as it is.
    """
    if "/" in target or target.startswith("unix:"):
        return target
    host, port = target, ""
    if target.startswith("["):  # an address of IPv6, whose colons are its own
        host, _, port = target.partition("]")
        host, port = f"{host}]", port.removeprefix(":")
    elif target.count(":") == 1:
        host, _, port = target.partition(":")
    elif ":" in target:
        host = f"[{target}]"
    return f"{host}:{port or DEFAULT_PORT}"


class Link:
    """Makes the calls. Opened and closed by `async with`; every error it raises is an ExportdError."""

    def __init__(self, target: str, tenant: str, patience: Patience) -> None:
        if not (tenant.isascii() and tenant.isprintable()):
            raise ValueError("a tenant is written in printable ASCII")
        self.target = with_port(target)
        self.patience = patience
        self.answered = False
        self._metadata = ((_TENANT_KEY, tenant),)
        self._channel: grpc.aio.Channel | None = None

    async def __aenter__(self) -> Self:
        self._channel = grpc.aio.insecure_channel(self.target, options=_OPTIONS)
        self._stub = ExportServiceStub(self._channel)
        self._operators = OperatorServiceStub(self._channel)
        self._downloads: grpc.aio.UnaryStreamMultiCallable[DownloadFileRequest, bytes] = self._channel.unary_stream(
            _DOWNLOAD, request_serializer=DownloadFileRequest.SerializeToString
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    @property
    def stub(self) -> "ExportServiceAsyncStub":
        if self._channel is None:
            raise RuntimeError("an ExportClient works inside `async with` only")
        return self._stub

    @property
    def downloads(self) -> "grpc.aio.UnaryStreamMultiCallable[DownloadFileRequest, bytes]":
        """DownloadFile with its messages as they came: protobuf would copy each piece twice more."""
        if self._channel is None:
            raise RuntimeError("an ExportClient works inside `async with` only")
        return self._downloads

    @property
    def operators(self) -> "OperatorServiceAsyncStub":
        if self._channel is None:
            raise RuntimeError("an ExportClient works inside `async with` only")
        return self._operators

    async def ask(self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Answer], request: Request) -> Answer:
        """One answer to one request. The request must be safe to repeat: it is, after failures that pass."""
        outage = Outage(self)
        while True:
            try:
                answer = await method(request, metadata=self._metadata, timeout=_CALL_SECONDS)
            except grpc.aio.AioRpcError as error:
                await outage.pause_after(self._typed(error))
            else:
                self.answered = True
                return answer

    async def ask_once(self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Answer], request: Request) -> Answer:
        """One answer to a request that is not safe to repeat: nobody knows whether one that broke off was heard."""
        try:
            answer = await method(request, metadata=self._metadata, timeout=_CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise self._typed(error) from error
        self.answered = True
        return answer

    async def pages(
        self, method: grpc.aio.UnaryUnaryMultiCallable[ListRequest, ListAnswer], request: ListRequest
    ) -> AsyncGenerator[ListAnswer]:
        """Every page of a list, each asked for when it is needed. `request` is changed on the way."""
        while True:
            page = await self.ask(method, request)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def listen(
        self, method: grpc.aio.UnaryStreamMultiCallable[Request, Answer], request: Request
    ) -> AsyncGenerator[Answer]:
        """The messages of one stream; closing the iterator ends the call."""
        call = method(request, metadata=self._metadata)
        try:
            async for message in call:
                self.answered = True
                yield message
        except grpc.aio.AioRpcError as error:
            raise self._typed(error) from error
        finally:
            call.cancel()

    def cut_off(self) -> Unreachable:
        """The error for a stream that ended regularly before it was complete."""
        return Unreachable(f"exportd at {self.target} ended the stream too early")

    def _typed(self, error: grpc.aio.AioRpcError) -> ExportdError:
        typed = from_rpc(error, self.target)
        self.answered = self.answered or bool(typed.reason)
        return typed


class Outage:
    """The failures in a row of one operation."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.over()

    def over(self) -> None:
        """The operation made progress: the next failure is a first one again."""
        self._since: float | None = None
        self._pause = self._link.patience.shortest

    async def pause_after(self, error: ExportdError) -> None:
        """Returns when the call is to be made again. Raises `error` when it does not pass or patience is at its end."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        pause = max(random.uniform(self._pause / 2, self._pause), error.retry_after or 0.0)  # noqa: S311 - jitter
        if not error.passing or now + pause > self._since + self._patience:
            raise error
        await asyncio.sleep(pause)
        self._pause = min(self._pause * 2, self._link.patience.longest)

    @property
    def _patience(self) -> float:
        patience = self._link.patience
        return patience.outage if self._link.answered else patience.first_contact
