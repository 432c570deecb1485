"""Sends a file: small chunks to readers that lag, large ones to readers that keep up, and bounded memory for all."""

import asyncio
import hashlib
from collections.abc import Callable

from exportd.v1.export_service_pb2 import DownloadFileResponse
from services.api.rpc import encode
from services.api.rpc.interceptor import Context
from services.api.usecases.downloads import Download
from services.contract.errors import FileDamaged, ReaderStalled
from services.runtime import shortage

SMALL = 64 * 1024
LARGE = 1024 * 1024
KEEPS_UP_S = 0.05
"""A reader keeps up while a chunk is taken within this time."""

STALLED_S = 300.0
"""How long a reader may take no byte at all."""

IN_FLIGHT = 4
"""Chunks of one download that are in memory at once: those that the transport buffers, and the one being read."""


class ChunkBudget:
    """What all downloads of a process may hold in large chunks; small ones are free, since each download needs one."""

    def __init__(self, total_bytes: int = 48 * 1024 * 1024) -> None:
        self._free = total_bytes

    def resized(self, size: int, new_size: int) -> int:
        """Trade a chunk size for another one: `new_size`, or `size` when the budget does not allow it."""
        cost = (new_size - size) * IN_FLIGHT
        if cost > self._free:
            return size
        self._free -= cost
        return new_size


async def send(download: Download, context: Context, budget: ChunkBudget, monotonic: Callable[[], float]) -> None:
    """Send header and data. Raises FileDamaged when the store has fewer bytes than it should; of a whole file, others.

    What is sent is hashed in another thread while it is taken: a whole file ends only after its hash was right.
    `monotonic` counts seconds and never goes back.
    """
    await context.write(encode.download_header(download.export, download.file, download.offset))
    position, size, digest = download.offset, SMALL, hashlib.sha256()
    try:
        while position < download.end:
            length = min(size, download.end - position)
            data = await _read(download, position, length)
            started, hashing = monotonic(), asyncio.create_task(asyncio.to_thread(digest.update, data))
            await _taken(context, DownloadFileResponse(data=data))
            position += length
            keeps_up = monotonic() - started < KEEPS_UP_S
            size = budget.resized(size, min(size * 2, LARGE) if keeps_up else SMALL)
            await hashing
    finally:
        budget.resized(size, SMALL)
    is_whole = download.offset == 0 and download.end == download.file.artifact.size_bytes
    if is_whole and digest.hexdigest() != download.file.artifact.sha256:
        raise FileDamaged(download.file.id)


async def _read(download: Download, position: int, length: int) -> bytes:
    try:
        data = await download.reader.read(position, length)
    except OSError as unreadable:
        if shortage.named(unreadable):
            raise
        raise FileDamaged(download.file.id) from unreadable
    if len(data) != length:
        raise FileDamaged(download.file.id)
    return data


async def _taken(context: Context, message: DownloadFileResponse) -> None:
    """A reader that takes nothing for long makes room for others; it can go on where it stopped."""
    try:
        async with asyncio.timeout(STALLED_S):
            await context.write(message)
    except TimeoutError:
        raise ReaderStalled(round(STALLED_S)) from None
