"""Around every call: a request id, a log line, and errors with just what the caller may know."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NoReturn

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from services.api.metrics import ApiMetrics
from services.api.rpc import unknown_fields
from services.api.rpc.gate import Gate
from services.api.rpc.metadata import Context, metadata
from services.api.world import World
from services.contract import status
from services.contract.errors import ExportdError, Fenced, Internal, InvalidRequest, Overloaded, Violation
from services.runtime import logs, shortage

REQUEST_ID_KEY = "x-request-id"
MAX_REQUEST_ID_CHARACTERS = 64
OURS = "/exportd."
OF_CALLERS = "/exportd.v1."
"""Services whose messages must hold nothing unknown; workers may be of a later version than their api."""

QUIET = frozenset({"Heartbeat"})
"""Methods that are called several times a second: their success is not worth a line."""

Behaviour = Callable[[Any, Context], Awaitable[Any]]


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps each method of exportd's own services."""

    def __init__(self, metrics: ApiMetrics, world: World, max_request_bytes: int, gate: Gate) -> None:
        self._gate = gate
        self._metrics = metrics
        self._world = world
        self._max_request_bytes = max_request_bytes
        self._handlers: dict[str, Any] = {}  # by the full names of methods, which stay what they are

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The handler, wrapped; None (UNIMPLEMENTED) and what callers stream stay as they are."""
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
        own = service.startswith(OURS)
        make = grpc.unary_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
        return make(
            self._wrapped(name, inner, of_callers=service.startswith(OF_CALLERS)) if own else _plain(inner),
            request_deserializer=_decoding(handler.request_deserializer, self._max_request_bytes),
            response_serializer=handler.response_serializer,
        )

    def _wrapped(self, name: str, inner: Behaviour, *, of_callers: bool) -> Behaviour:
        """`of_callers`: they are told their request id, and refused fields that this version does not know."""
        method = name.rpartition("/")[2]

        async def call(request: Any, context: Context) -> Any:
            request_id = "".join(metadata(context, REQUEST_ID_KEY)[:1])[:MAX_REQUEST_ID_CHARACTERS]
            request_id = request_id or self._world.new_id()
            logs.begin(method=method, request_id=request_id)
            started = self._world.monotonic()
            code = "OK"
            try:
                if of_callers:
                    await _tell(context, request_id)
                await self._gate.admit(name, request, context)
                if of_callers:
                    unknown_fields.refuse(_readable(request))
                return await inner(_readable(request), context)
            except BaseException as raised:
                error = None if _has_left(context, raised) else _as_ours(raised, request_id)
                code = error.reason if error else "CANCELLED"
                if error is None and isinstance(raised, Exception):
                    raise asyncio.CancelledError from None  # not a defect: gRPC must not log it as one
                if error is None:
                    raise
                await self._abort(context, error, method, request_id)
            finally:
                self._account(method, code, self._world.monotonic() - started)

        return call

    async def _abort(self, context: Context, error: ExportdError, method: str, request_id: str) -> NoReturn:
        if isinstance(error, Fenced):
            self._metrics.fenced(method)
        await context.abort_with_status(status.to_status(error, request_id))

    def _account(self, method: str, code: str, seconds: float) -> None:
        self._metrics.called(method, code, seconds)
        if code != "OK" or method not in QUIET:
            logs.get().info("call", code=code, ms=round(seconds * 1000, 2))


def _plain(inner: Behaviour) -> Behaviour:
    """Of services that are not exportd's own, such as health: called many times, and worth no line."""

    async def call(request: Any, context: Context) -> Any:
        try:
            return await inner(_readable(request), context)
        except ExportdError as refused:
            await context.abort_with_status(status.to_status(refused))

    return call


def _has_left(context: Context, raised: BaseException) -> bool:
    """Whether the caller did. A failed send shows it before gRPC reports it, and is not a defect."""
    return context.cancelled() or isinstance(raised, grpc.aio.InternalError)


async def _tell(context: Context, request_id: str) -> None:
    """Tell the caller under which id the log has its call, before the answer."""
    with suppress(Exception):  # a caller that has left is told nothing
        await context.send_initial_metadata(((REQUEST_ID_KEY, request_id),))


def _decoding(deserialize: Callable[[bytes], Any], most: int) -> Callable[[bytes], Any]:
    """A request of more than `most` bytes, or one that cannot be decoded, becomes a violation.

    Raised here, it would go to the caller as UNKNOWN; and what gRPC itself refuses as too large looks like a quota.
    """

    def decode(data: bytes) -> Any:
        try:
            request = deserialize(data)
        except DecodeError:
            return Violation("", "the request cannot be decoded")
        return request if len(data) <= most else _too_large(request, len(data), most)

    return decode


def _too_large(request: Message, size: int, most: int) -> Violation:
    """Names the field that takes most of it."""
    sizes = {field.name: _alone(request, field).ByteSize() for field, _ in request.ListFields()}
    largest = max(sizes, key=lambda name: sizes[name], default="")
    return Violation(largest, f"the request has {size} bytes, {sizes.get(largest, 0)} of them here; at most {most} go")


def _alone(request: Message, field: FieldDescriptor) -> Message:
    """A request with this field only."""
    alone = type(request)()
    alone.CopyFrom(request)
    for other, _ in request.ListFields():
        if other.name != field.name:
            alone.ClearField(other.name)
    return alone


def _readable(request: Any) -> Any:
    """Raises InvalidRequest for what is none."""
    if isinstance(request, Violation):
        raise InvalidRequest((request,))
    return request


def _as_ours(raised: BaseException, request_id: str) -> ExportdError | None:
    """What to tell the caller; None when the call itself was cancelled, so that nobody listens."""
    if isinstance(raised, ExportdError):
        if raised.__cause__ is not None:  # what the caller is not told
            logs.get().warning("call_refused", reason=raised.reason, exc_info=raised.__cause__)
        return raised
    task = asyncio.current_task()
    if isinstance(raised, asyncio.CancelledError) and task is not None and task.cancelling():
        return None
    if not isinstance(raised, (Exception, asyncio.CancelledError)):
        return None
    if short := shortage.named(raised):
        logs.get().error("overloaded", short_of=short, cause=logs.outline(raised))
        return Overloaded()
    logs.get().exception("call_failed", exc_info=raised)
    return Internal(request_id)
