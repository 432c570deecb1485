"""Reads an object through one long answer, which is resumed where it broke off."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Self, TypeVar

import obstore

from services.contract.errors import StoreUnavailable
from services.objects.client import ObjectReplaced, ObjectStoreError, understood
from services.runtime import logs

if TYPE_CHECKING:
    from obstore.store import ObjectStore

MAX_BREAKS = 5
"""How often in a row an answer may break off without a byte."""

_CHUNK_BYTES = 128 << 10
"""How much is taken from the connection at a time. Hundreds of stalled readers may hold one chunk each."""

_PAUSE_S = 0.2

T = TypeVar("T")


class ObjectReader:
    """An open object.

    A read that begins where the last one ended continues the current answer; otherwise it begins a new one. A new
    answer must have the same version, by its ETag: an object that was replaced meanwhile is treated as missing.
    """

    def __init__(self, store: "ObjectStore", key: str, size_bytes: int, etag: str | None) -> None:
        self._store = store
        self._key = key
        self._etag = etag
        self.size_bytes = size_bytes
        self._position = 0
        self._stream: AsyncIterator[Any] | None = None
        self._rest = b""
        self._closed = False

    @classmethod
    async def opened(cls, store: "ObjectStore", key: str, offset: int) -> Self:
        """Open an object with an answer from `offset` on. Raises FileNotFoundError, ObjectStoreError."""
        with understood():
            meta = await obstore.head_async(store, key)
        reader = cls(store, key, meta["size"], meta["e_tag"])
        if offset < reader.size_bytes:
            await reader._begin(offset)
        return reader

    async def read(self, offset: int, length: int, then: Callable[[bytes], T]) -> T:
        """Return the result of `then` for exactly `length` bytes, fewer only at the end.

        Raises FileNotFoundError, StoreUnavailable, and ValueError after `close`.
        """
        if self._closed:
            raise ValueError("the reader is closed")
        data = await self._taken(offset, max(0, min(length, self.size_bytes - offset)))
        return await asyncio.to_thread(then, data)

    def fill(self, offset: int, into: memoryview) -> bool:  # noqa: ARG002 - nothing of it is in memory
        """Return False."""
        return False

    async def close(self) -> None:
        """Close the reader. Idempotent."""
        self._closed, self._stream, self._rest = True, None, b""

    async def _taken(self, offset: int, length: int) -> bytes:
        pieces, missing, breaks = [self._kept(offset, length)], length, 0
        missing -= len(pieces[0])
        while missing > 0:
            try:
                chunk = await self._next(offset + length - missing)
            except ObjectStoreError as broken:
                breaks += 1
                await self._pause(breaks, broken)
                continue
            breaks = 0
            pieces.append(chunk[:missing])
            self._rest = chunk[missing:]
            self._position += len(pieces[-1])
            missing -= len(pieces[-1])
        return b"".join(pieces)

    def _kept(self, offset: int, length: int) -> bytes:
        """Return what was already taken from the connection for this read; nothing if the read begins elsewhere."""
        if offset != self._position:
            self._stream, self._rest, self._position = None, b"", offset
        data, self._rest = self._rest[:length], self._rest[length:]
        self._position += len(data)
        return data

    async def _next(self, position: int) -> bytes:
        """Return the next chunk. An answer that ends too early raises ObjectStoreError."""
        if self._stream is None:
            await self._begin(position)
        with understood():
            chunk = await anext(self._stream, None) if self._stream else None
        if chunk is None:
            self._stream = None
            raise ObjectStoreError("the answer ended too early")
        return bytes(chunk)

    async def _begin(self, position: int) -> None:
        options: Any = {"range": {"offset": position}, "if_match": self._etag}
        try:
            with understood():
                answer = await obstore.get_async(self._store, self._key, options=options)
        except ObjectReplaced as gone:
            raise FileNotFoundError(self._key) from gone
        self._stream = aiter(answer.stream(min_chunk_size=_CHUNK_BYTES))
        self._position = position

    async def _pause(self, breaks: int, broken: ObjectStoreError) -> None:
        self._stream = None
        if breaks > MAX_BREAKS:
            raise StoreUnavailable from broken
        logs.get().warning("object_read_interrupted", key=self._key, position=self._position, said=str(broken))
        await asyncio.sleep(_PAUSE_S * breaks)
