# Made of exportd_client/aio/connection.py by `make proto`: change that one.
"""The calls of one client: their identity, their time limits and their retries."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Protocol, Self, TypeVar
from uuid import uuid4

import grpc

from exportd_client.channel import Endpoint
from exportd_client.errors import ExportdError, Unreachable, from_rpc
from exportd_client.patience import Outage, Patience
from exportd_client.sync.line import Line
from exportd_client.sync.threads import current, sleep

if TYPE_CHECKING:
    from exportd.v1.export_service_pb2 import DownloadFileRequest
    from exportd.v1.export_service_pb2_grpc import ExportServiceStub
    from exportd.v1.key_service_pb2_grpc import KeyServiceStub
    from exportd.v1.link_service_pb2_grpc import LinkServiceStub
    from exportd.v1.operator_service_pb2_grpc import OperatorServiceStub


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

    def __enter__(self) -> Self:
        self._line.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all running calls and close the connection."""
        self._line.close()

    @property
    def encrypted(self) -> bool:
        """Whether nobody can read along."""
        return self._endpoint.tls is not None

    @property
    def renews(self) -> bool:
        """Whether another call may have another key or token."""
        return self._endpoint.renews

    @property
    def stub(self) -> "ExportServiceStub":
        return self._line.stubs.exports

    @property
    def downloads(self) -> "grpc.UnaryStreamMultiCallable[DownloadFileRequest, bytes]":
        return self._line.stubs.downloads

    @property
    def operators(self) -> "OperatorServiceStub":
        return self._line.stubs.operators

    @property
    def keys(self) -> "KeyServiceStub":
        return self._line.stubs.keys

    @property
    def links(self) -> "LinkServiceStub":
        return self._line.stubs.links

    def ask(self, method: "grpc.UnaryUnaryMultiCallable[Request, Answer]", request: Request) -> Answer:
        """Return the answer to a request, and retry after transient errors. The request must be safe to repeat."""
        outage = Outage(self)
        while True:
            try:
                return self.ask_once(method, request)
            except ExportdError as error:
                sleep(outage.pause_after(error))

    def ask_once(self, method: "grpc.UnaryUnaryMultiCallable[Request, Answer]", request: Request) -> Answer:
        """Return the answer to a request that must not be retried.

        After a failure it is unknown whether the request was carried out.
        """
        request_id = str(uuid4())
        try:
            answer = method(request, metadata=self._metadata(request_id), timeout=self._timeout)
        except grpc.RpcError as error:
            raise self._typed(error, request_id) from error
        self.answered = True
        return answer

    def pages(
        self, method: "grpc.UnaryUnaryMultiCallable[ListRequest, ListAnswer]", request: ListRequest
    ) -> Generator[ListAnswer]:
        """Yield every page of a list, each requested when it is needed. This changes `request`."""
        while True:
            page = self.ask(method, request)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def listen(
        self,
        method: "grpc.UnaryStreamMultiCallable[Request, Answer]",
        request: Request,
        *,
        within: float = MAX_STREAM_S,
    ) -> Generator[Answer]:
        """Yield the messages of one stream, which may take `within` seconds. Closing the iterator ends the call."""
        request_id = str(uuid4())
        call = method(request, metadata=self._metadata(request_id), timeout=within)
        try:
            for message in call:
                self.answered = True
                yield message
        except grpc.RpcError as error:
            raise self._typed(error, request_id) from error
        finally:
            call.cancel()

    def _metadata(self, request_id: str) -> tuple[tuple[str, str | bytes], ...]:
        return self._endpoint.metadata(request_id, current(self._endpoint.credential))

    def cut_off(self) -> Unreachable:
        """Return the error for a stream that ended normally before it was complete."""
        return Unreachable(f"exportd at {self.target} ended the stream too early")

    def _typed(self, error: grpc.RpcError, request_id: str) -> ExportdError:
        typed = from_rpc(error, self.target, request_id)
        self.answered = self.answered or bool(typed.reason)
        return typed
