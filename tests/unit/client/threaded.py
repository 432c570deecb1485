"""A SyncExportClient, called as an ExportClient is: each call in a thread, so that one set of tests is for both."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

_END = object()


class Threaded:
    """What has the methods of SyncExportClient, behind those of ExportClient."""

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._wrapped, name)
        if not callable(value):
            return Threaded(value) if name == "operator" else value
        if name in ("list", "watch", "stream"):
            return lambda *args, **more: _steps(lambda: value(*args, **more))
        return lambda *args, **more: asyncio.to_thread(value, *args, **more)


async def _steps(begin: Callable[[], Iterator[Any]]) -> AsyncIterator[Any]:
    pieces = begin()
    assert inspect.isgenerator(pieces)
    try:
        while (piece := await asyncio.to_thread(next, pieces, _END)) is not _END:
            yield piece
    finally:
        await asyncio.to_thread(pieces.close)
