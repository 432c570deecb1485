"""The calls of one client: their identity, their time limits and their retries."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Protocol, Self, TypeVar
from uuid import uuid4

import grpc
import grpc.aio

from exportd_client.aio.line import Line
from exportd_client.aio.threads import current, sleep
from exportd_client.channel import Endpoint
from exportd_client.errors import ExportdError, Unreachable, from_rpc
from exportd_client.patience import Outage, Patience

if TYPE_CHECKING:
    from exportd.v1.export_service_pb2 import DownloadFileRequest
    from exportd.v1.export_service_pb2_grpc import ExportServiceAsyncStub
    from exportd.v1.key_service_pb2_grpc import KeyServiceAsyncStub
    from exportd.v1.link_service_pb2_grpc import LinkServiceAsyncStub
    from exportd.v1.operator_service_pb2_grpc import OperatorServiceAsyncStub


class PagedRequest(Protocol):
    """The common part of all requests for a list."""

    page_token: str


class Page(Protocol):
    """The common part of all pages of a list."""

    @property
    def next_page_token(self) -> str: ...


Request = TypeVar("Request")
Answer = TypeVar("Answer")
ListRequest = TypeVar("ListRequest", bound=PagedRequest)
ListAnswer = TypeVar("ListAnswer", bound=Page)

MAX_PAGE_SIZE = 1000
"""The page size for reading a whole list. The service also limits a page by its bytes."""

MAX_STREAM_S = 3600.0
"""The longest time of one stream.

After it, the operation continues with a new stream, so that no call lasts for ever.
"""


class Link:
    """Makes the calls, each within `timeout` seconds. Every error that it raises is an ExportdError."""

    def __init__(self, endpoint: Endpoint, patience: Patience, timeout: float) -> None:
        self._endpoint = endpoint
        self._line = Line(endpoint)
        self._timeout = timeout
        self.target = endpoint.target
        self.patience = patience
        self.answered = False

    async def __aenter__(self) -> Self:
        await self._line.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End all running calls and close the connection."""
        await self._line.close()

    @property
    def encrypted(self) -> bool:
        """Whether nobody can read along."""
        return self._endpoint.tls is not None

    @property
    def renews(self) -> bool:
        """Whether another call may have another key or token."""
        return self._endpoint.renews

    @property
    def stub(self) -> "ExportServiceAsyncStub":
        return self._line.stubs.exports

    @property
    def downloads(self) -> "grpc.aio.UnaryStreamMultiCallable[DownloadFileRequest, bytes]":
        return self._line.stubs.downloads

    @property
    def operators(self) -> "OperatorServiceAsyncStub":
        return self._line.stubs.operators

    @property
    def keys(self) -> "KeyServiceAsyncStub":
        return self._line.stubs.keys

    @property
    def links(self) -> "LinkServiceAsyncStub":
        return self._line.stubs.links

    async def ask(self, method: "grpc.aio.UnaryUnaryMultiCallable[Request, Answer]", request: Request) -> Answer:
        """Return the answer to a request, and retry after transient errors. The request must be safe to repeat."""
        outage = Outage(self)
        while True:
            try:
                return await self.ask_once(method, request)
            except ExportdError as error:
                await sleep(outage.pause_after(error))

    async def ask_once(self, method: "grpc.aio.UnaryUnaryMultiCallable[Request, Answer]", request: Request) -> Answer:
        """Return the answer to a request that must not be retried.

        After a failure it is unknown whether the request was carried out.
        """
        request_id = str(uuid4())
        try:
            answer = await method(request, metadata=await self._metadata(request_id), timeout=self._timeout)
        except grpc.aio.AioRpcError as error:
            raise self._typed(error, request_id) from error
        self.answered = True
        return answer

    async def pages(
        self, method: "grpc.aio.UnaryUnaryMultiCallable[ListRequest, ListAnswer]", request: ListRequest
    ) -> AsyncGenerator[ListAnswer]:
        """Yield every page of a list, each requested when it is needed. This changes `request`."""
        while True:
            page = await self.ask(method, request)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def listen(
        self,
        method: "grpc.aio.UnaryStreamMultiCallable[Request, Answer]",
        request: Request,
        *,
        within: float = MAX_STREAM_S,
    ) -> AsyncGenerator[Answer]:
        """Yield the messages of one stream, which may take `within` seconds. Closing the iterator ends the call."""
        request_id = str(uuid4())
        call = method(request, metadata=await self._metadata(request_id), timeout=within)
        try:
            async for message in call:
                self.answered = True
                yield message
        except grpc.aio.AioRpcError as error:
            raise self._typed(error, request_id) from error
        finally:
            call.cancel()

    async def _metadata(self, request_id: str) -> tuple[tuple[str, str | bytes], ...]:
        return self._endpoint.metadata(request_id, await current(self._endpoint.credential))

    def cut_off(self) -> Unreachable:
        """Return the error for a stream that ended normally before it was complete."""
        return Unreachable(f"exportd at {self.target} ended the stream too early")

    def _typed(self, error: grpc.aio.AioRpcError, request_id: str) -> ExportdError:
        typed = from_rpc(error, self.target, request_id)
        self.answered = self.answered or bool(typed.reason)
        return typed
