"""Server-sent events: the changes of an export, until it is done."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, TypeVar

from aiohttp import web

from exportd.v1.export_pb2 import Export
from exportd_client.errors import ExportdError
from services.gateway.http.problems import document_of
from services.gateway.http.request_ids import request_id_of
from services.runtime.tasks.ending import end_tasks

T = TypeVar("T")

COMMENT_S = 15.0
"""How long the stream is silent before a comment shows that it lives."""

_COMMENT = b": waiting\n\n"


async def answer(
    request: web.Request,
    changes: AsyncGenerator[Export],
    shown: Callable[[Export], dict[str, Any]],
    draining: asyncio.Event,
) -> web.StreamResponse:
    """Answer with the changes as events, whose ids are the versions.

    A caller that comes again with the id of the last event of an export that is done gets 204, which ends an
    EventSource. Raises ExportdError for a failure before the first event; a later one is the event `problem`.
    """
    async with aclosing(changes):
        first = await anext(changes, None)
        if first is None or (first.done and request.headers.get("Last-Event-ID") == str(first.version)):
            return web.Response(status=204)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        await response.write(_event(first, shown))
        await _go_on(request, response, changes, shown, draining)
        await response.write_eof()
        return response


async def _go_on(
    request: web.Request,
    response: web.StreamResponse,
    changes: AsyncGenerator[Export],
    shown: Callable[[Export], dict[str, Any]],
    draining: asyncio.Event,
) -> None:
    try:
        async for change in _with_pauses(changes, draining):
            await response.write(_event(change, shown) if change else _COMMENT)
    except ExportdError as error:
        text = json.dumps(document_of(error, request_id_of(request)))
        await response.write(f"event: problem\ndata: {text}\n\n".encode())


async def _with_pauses(changes: AsyncGenerator[T], draining: asyncio.Event) -> AsyncGenerator[T | None]:
    """Yield the changes, and None after each pause, until there are no more or the server ends."""
    ending = asyncio.create_task(draining.wait())
    coming: asyncio.Task[Any] | None = None
    try:
        while not ending.done():
            coming = coming or asyncio.ensure_future(_next(changes))
            done, _ = await asyncio.wait({coming, ending}, timeout=COMMENT_S, return_when=asyncio.FIRST_COMPLETED)
            if coming in done:
                change = coming.result()
                coming = None
                if change is None:
                    return
                yield change
            elif not done:
                yield None
    finally:
        await end_tasks(ending, *([coming] if coming else ()))


async def _next(changes: AsyncGenerator[T]) -> T | None:
    return await anext(changes, None)


def _event(export: Export, shown: Callable[[Export], dict[str, Any]]) -> bytes:
    return f"id: {export.version}\ndata: {json.dumps(shown(export))}\n\n".encode()
