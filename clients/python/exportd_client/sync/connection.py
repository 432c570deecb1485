# Made of exportd_client/aio/connection.py by `make proto`: change that one.
"""The calls of one client: as whom they are made, how long they may take, how often they are made again."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import grpc

from exportd_client.channel import Endpoint
from exportd_client.errors import ExportdError, Unreachable, from_rpc
from exportd_client.patience import Outage, Patience
from exportd_client.sync.line import Line
from exportd_client.sync.threads import sleep

if TYPE_CHECKING:
    from exportd.v1.export_service_pb2 import DownloadFileRequest
    from exportd.v1.export_service_pb2_grpc import ExportServiceStub
    from exportd.v1.operator_service_pb2_grpc import OperatorServiceStub


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

MAX_STREAM_S = 3600.0
"""Then a stream ends, and the operation goes on with the next one: no call lasts for ever."""


class Link:
    """Makes the calls, each within `timeout` seconds. Every error it raises is an ExportdError."""

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
        """Ends what calls are left."""
        self._line.close()

    @property
    def stub(self) -> "ExportServiceStub":
        return self._line.stubs.exports

    @property
    def downloads(self) -> "grpc.UnaryStreamMultiCallable[DownloadFileRequest, bytes]":
        return self._line.stubs.downloads

    @property
    def operators(self) -> "OperatorServiceStub":
        return self._line.stubs.operators

    def ask(self, method: "grpc.UnaryUnaryMultiCallable[Request, Answer]", request: Request) -> Answer:
        """One answer to one request. The request must be safe to repeat: it is, after failures that pass."""
        outage = Outage(self)
        while True:
            try:
                return self.ask_once(method, request)
            except ExportdError as error:
                sleep(outage.pause_after(error))

    def ask_once(self, method: "grpc.UnaryUnaryMultiCallable[Request, Answer]", request: Request) -> Answer:
        """One answer to a request that is not safe to repeat: nobody knows whether one that broke off was heard."""
        try:
            answer = method(request, metadata=self._endpoint.metadata(), timeout=self._timeout)
        except grpc.RpcError as error:
            raise self._typed(error) from error
        self.answered = True
        return answer

    def pages(
        self, method: "grpc.UnaryUnaryMultiCallable[ListRequest, ListAnswer]", request: ListRequest
    ) -> Generator[ListAnswer]:
        """Every page of a list, each asked for when it is needed. `request` is changed on the way."""
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
        """The messages of one stream, which ends within so many seconds; closing the iterator ends the call."""
        call = method(request, metadata=self._endpoint.metadata(), timeout=within)
        try:
            for message in call:
                self.answered = True
                yield message
        except grpc.RpcError as error:
            raise self._typed(error) from error
        finally:
            call.cancel()

    def cut_off(self) -> Unreachable:
        """The error for a stream that ended regularly before it was complete."""
        return Unreachable(f"exportd at {self.target} ended the stream too early")

    def _typed(self, error: grpc.RpcError) -> ExportdError:
        typed = from_rpc(error, self.target)
        self.answered = self.answered or bool(typed.reason)
        return typed
