"""Sends a file: small pieces to readers that lag, large ones to readers that keep up, and bounded memory for all."""

import asyncio
from collections.abc import Callable

from services.api.rpc import encode
from services.api.rpc.metadata import Context
from services.api.usecases.downloads import Download
from services.contract.errors import FileDamaged, ReaderStalled
from services.runtime import shortage

SMALL = 16 * 1024
LARGE = 1024 * 1024
KEEPS_UP_S = 0.05
"""A reader keeps up while a piece is taken within this time."""

STALLED_S = 300.0
"""How long a reader may take no byte at all."""

IN_FLIGHT = 3
"""Pieces of one download that are in memory at once: that which the transport holds, the message it was copied from,
and the one that is read ahead."""


class PieceBudget:
    """What all downloads of a process may hold in large pieces; small ones are free, since each download needs one."""

    def __init__(self, total_bytes: int = 18 * 1024 * 1024) -> None:
        self._free = total_bytes

    def resized(self, size: int, new_size: int) -> int:
        """Trade a size for another one: `new_size`, or `size` when the budget does not allow it."""
        cost = (new_size - size) * IN_FLIGHT
        if cost > self._free:
            return size
        self._free -= cost
        return new_size


async def send(download: Download, context: Context, budget: PieceBudget, monotonic: Callable[[], float]) -> None:
    """Send header and data. Raises FileDamaged when the store has fewer bytes than it should; of a whole file, others.

    A piece is read and hashed in another thread while the one before it is taken: a whole file ends only after its
    hash was right. `monotonic` counts seconds and never goes back.
    """
    await context.write(encode.download_header(download.export, download.file, download.offset))
    pieces, size = _Pieces(download), SMALL
    ahead = pieces.begin(size)
    try:
        while ahead:
            message = await ahead
            ahead, started = pieces.begin(size), monotonic()
            await _taken(context, message)
            keeps_up = monotonic() - started < KEEPS_UP_S
            size = budget.resized(size, min(size * 2, LARGE) if keeps_up else SMALL)
    finally:
        budget.resized(size, SMALL)
        if ahead:
            await _dropped(ahead)
    pieces.check()


class _Pieces:
    """The data of a download as messages, in order."""

    def __init__(self, download: Download) -> None:
        self._download = download
        self._position = download.offset

    def begin(self, size: int) -> asyncio.Task[bytes] | None:
        """Begin to read the next piece, of at most `size` bytes; None at the end."""
        length = min(size, self._download.end - self._position)
        if length <= 0:
            return None
        self._position += length
        return asyncio.create_task(self._read(self._position - length, length))

    def check(self) -> None:
        """Raises FileDamaged for a whole file with another hash."""
        if self._download.inspection and not self._download.inspection.is_right():
            raise FileDamaged(self._download.file.id)

    async def _read(self, position: int, length: int) -> bytes:
        try:
            return await self._download.reader.read(position, length, lambda data: self._message(data, length))
        except OSError as unreadable:
            if shortage.named(unreadable):
                raise
            raise FileDamaged(self._download.file.id) from unreadable

    def _message(self, data: bytes, length: int) -> bytes:
        if len(data) != length:
            raise FileDamaged(self._download.file.id)
        if self._download.inspection:
            self._download.inspection.update(data)
        return encode.download_data(data)


async def _taken(context: Context, message: bytes) -> None:
    """A reader that takes nothing for long makes room for others; it can go on where it stopped."""
    try:
        async with asyncio.timeout(STALLED_S):
            await context.write(message)
    except TimeoutError:
        raise ReaderStalled(round(STALLED_S)) from None


async def _dropped(ahead: asyncio.Task[bytes]) -> None:
    """Its result, such as damage, is no longer needed."""
    ahead.cancel()
    await asyncio.gather(ahead, return_exceptions=True)
