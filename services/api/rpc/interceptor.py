"""Wraps every call with a request id, a log line, and errors that contain only what the caller may know."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum, auto
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError, Message

from services.api.metrics import ApiMetrics
from services.api.rpc import unknown_fields
from services.api.rpc.audit.origins import keep_origin
from services.api.rpc.call import about
from services.api.rpc.gate import Gate
from services.api.rpc.metadata import Context, metadata
from services.api.rpc.open_calls import OpenCalls
from services.api.rpc.refusals import refusal_of
from services.api.rpc.tracing.calls import note_call, note_refusal
from services.api.world import World
from services.contract import status
from services.contract.errors import ExportdError, Fenced, InvalidRequest, Violation
from services.runtime import logs
from services.runtime.tracing.context import TRACEPARENT, log_fields
from services.runtime.tracing.serving import NOT_TRACED, Serving
from services.runtime.tracing.tracer import Span
from services.runtime.tracing.words import Attribute

REQUEST_ID_KEY = "x-request-id"
MAX_REQUEST_ID_CHARACTERS = 64
OURS = "/exportd."
OF_CALLERS = "/exportd.v1."
"""Services whose requests must not have unknown fields. Workers may be of a later version than their api."""

QUIET = frozenset({"Heartbeat"})
"""Methods that are called several times per second; their successful calls are not logged."""

WAITING = frozenset({"LeaseJobs", "PreviewExport", "TakePreview"})
"""Methods with a single answer that may take long."""

Behaviour = Callable[[Any, Context], Awaitable[Any]]


class _Tells(Enum):
    """When a call tells its request id. gRPC sends what a unary call tells at its end together with the answer."""

    NOTHING = auto()
    AT_ONCE = auto()
    AT_THE_END = auto()

    @classmethod
    def of(cls, service: str, *, streams: bool) -> "_Tells":
        if not service.startswith(OF_CALLERS):
            return cls.NOTHING
        return cls.AT_ONCE if streams else cls.AT_THE_END


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps each method of exportd's own services."""

    def __init__(
        self, metrics: ApiMetrics, world: World, max_request_bytes: int, gate: Gate, serving: Serving = NOT_TRACED
    ) -> None:
        self._gate = gate
        self._serving = serving
        self.open_calls = OpenCalls(gate)
        self._metrics = metrics
        self._world = world
        self._max_request_bytes = max_request_bytes
        self._handlers: dict[str, Any] = {}  # by the full name of the method

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the wrapped handler.

        Unknown methods (None) and methods with a request stream are returned unchanged.
        """
        known = self._handlers.get(handler_call_details.method)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_streaming:
            return handler
        self._handlers[handler_call_details.method] = wrapped = self._handler(handler, handler_call_details.method)
        return wrapped

    def _handler(self, handler: Any, name: str) -> Any:
        service = name.rpartition("/")[0]
        streams = handler.response_streaming
        inner = handler.unary_stream if streams else handler.unary_unary
        own, lasts = service.startswith(OURS), streams or name.rpartition("/")[2] in WAITING
        make = grpc.unary_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
        return make(
            self._wrapped(name, inner, _Tells.of(service, streams=streams), lasts=lasts) if own else _plain(inner),
            request_deserializer=_decoding(handler.request_deserializer, self._max_request_bytes),
            response_serializer=handler.response_serializer,
        )

    def _wrapped(self, name: str, inner: Behaviour, tells: "_Tells", *, lasts: bool) -> Behaviour:
        """Wrap a method.

        A caller who is told the request id is also refused unknown fields. With `lasts` the call may take so long that
        its credentials have to be checked again.
        """
        method = name.rpartition("/")[2]

        async def call(request: Any, context: Context, span: Span) -> Any:
            request_id = "".join(metadata(context, REQUEST_ID_KEY)[:1])[:MAX_REQUEST_ID_CHARACTERS]
            request_id = request_id or self._world.new_id()
            logs.begin(method=method, request_id=request_id, **log_fields())
            started = self._world.monotonic()
            code = "OK"
            try:
                if tells is _Tells.AT_THE_END:
                    context.set_trailing_metadata(((REQUEST_ID_KEY, request_id),))
                elif tells is _Tells.AT_ONCE:
                    await _tell(context, request_id)
                credential = await self._gate.admit(name, request, context)
                keep_origin(name, request_id, context)
                if tells is not _Tells.NOTHING:
                    unknown_fields.refuse(_readable(request))
                if tells is _Tells.AT_THE_END and (told := about(context, self._world)):
                    context.set_trailing_metadata(((REQUEST_ID_KEY, request_id), *told))
                if not lasts:
                    return await inner(_readable(request), context)
                with self.open_calls.held(credential):
                    return await inner(_readable(request), context)
            except BaseException as raised:
                error = None if _has_left(context, raised) else _as_ours(raised, request_id)
                code = error.reason if error else "CANCELLED"
                if error is None and isinstance(raised, Exception):
                    raise asyncio.CancelledError from None  # not a defect, so gRPC must not log it as one
                if error is None:
                    raise
                await self._abort(context, error, method, request_id, span)
            finally:
                self._account(method, code, self._world.monotonic() - started)
                note_call(span, code)

        return self._traced(name.strip("/"), call)

    def _traced(self, name: str, call: Callable[[Any, Context, Span], Awaitable[Any]]) -> Behaviour:
        """Give each call of a method a span."""
        attributes = {Attribute.RPC_SYSTEM: "grpc", Attribute.RPC_METHOD: name}

        async def traced(request: Any, context: Context) -> Any:
            with self._serving.span(name, metadata(context, TRACEPARENT), attributes) as span:
                return await call(request, context, span)

        return traced

    async def _abort(self, context: Context, error: ExportdError, method: str, request_id: str, span: Span) -> NoReturn:
        if isinstance(error, Fenced):
            self._metrics.fenced(method)
        refused = status.to_status(error, request_id)
        note_refusal(span, refused.code, error.reason)
        trailing = (*context.trailing_metadata(), *(refused.trailing_metadata or ()))
        await context.abort(refused.code, refused.details, trailing)

    def _account(self, method: str, code: str, seconds: float) -> None:
        self._metrics.called(method, code, seconds)
        if code != "OK" or method not in QUIET:
            logs.info("call", code=code, ms=round(seconds * 1000, 2))


def _plain(inner: Behaviour) -> Behaviour:
    """Wrap a method of another service, such as health. It is called often, and not logged."""

    async def call(request: Any, context: Context) -> Any:
        try:
            return await inner(_readable(request), context)
        except ExportdError as refused:
            await context.abort_with_status(status.to_status(refused))

    return call


def _has_left(context: Context, raised: BaseException) -> bool:
    """Whether the caller has left. A failed send shows this before gRPC reports it, and is not a defect."""
    return context.cancelled() or isinstance(raised, grpc.aio.InternalError)


async def _tell(context: Context, request_id: str) -> None:
    """Send the request id, under which the log has the call, to the caller of a stream before the first message."""
    with suppress(Exception):  # the caller may have left
        await context.send_initial_metadata(((REQUEST_ID_KEY, request_id),))


def _decoding(deserialize: Callable[[bytes], Any], most: int) -> Callable[[bytes], Any]:
    """Return a deserializer that turns a request of more than `most` bytes, or an undecodable one, into a violation.

    An exception raised here would reach the caller as UNKNOWN, and gRPC's own error for a too large request looks like
    an exhausted quota.
    """

    def decode(data: bytes) -> Any:
        try:
            request = deserialize(data)
        except DecodeError:
            return Violation("", "the request cannot be decoded")
        return request if len(data) <= most else _too_large(request, len(data), most)

    return decode


def _too_large(request: Message, size: int, most: int) -> Violation:
    """Return a violation that names the field that takes most of the request."""
    sizes = {field.name: type(request)(**{field.name: value}).ByteSize() for field, value in request.ListFields()}
    largest = max(sizes, key=lambda name: sizes[name], default="")
    return Violation(largest, f"the request has {size} bytes, {sizes.get(largest, 0)} of them here; at most {most} go")


def _readable(request: Any) -> Any:
    """Return the request. Raises InvalidRequest if it was turned into a violation."""
    if isinstance(request, Violation):
        raise InvalidRequest((request,))
    return request


def _as_ours(raised: BaseException, request_id: str) -> ExportdError | None:
    """Return the error for the caller; None if the call itself was cancelled, so that nobody reads the answer."""
    task = asyncio.current_task()
    if isinstance(raised, asyncio.CancelledError) and task is not None and task.cancelling():
        return None
    if not isinstance(raised, (Exception, asyncio.CancelledError)):
        return None
    return refusal_of(raised, request_id)
