"""Sends a file: small pieces to slow readers, large ones to fast readers, with bounded memory for all downloads."""

import asyncio
from collections.abc import Callable

from services.api.rpc import encode
from services.api.rpc.metadata import Context
from services.api.rpc.piece_buffers import PieceBuffers
from services.api.usecases.download_log import Sending
from services.api.usecases.downloads import Download
from services.contract.errors import FileDamaged, ReaderStalled
from services.runtime import shortage
from services.runtime.tasks.ending import end_tasks

SMALL = 16 * 1024
LARGE = 1024 * 1024
KEEPS_UP_S = 0.05
"""A reader is fast if it takes a piece within this time."""

STALLED_S = 300.0
"""How long a reader may take no bytes before its download is ended."""

IN_FLIGHT = 3
"""How many pieces of one download are in memory at once.

One is held by the transport, one is the message that it was copied from, and one is read ahead.
"""

MAX_SKIPPED = 64
"""After a piece that was not in memory, 1, 2, 4, … up to so many pieces are read in another thread without looking."""


class PieceBudget:
    """The memory that all downloads of a process may use for large pieces.

    Small pieces are not counted, since every download needs one.
    """

    def __init__(self, total_bytes: int = 18 * 1024 * 1024) -> None:
        self._free = total_bytes

    def resized(self, size: int, new_size: int) -> int:
        """Exchange the size of a download's pieces for a new one.

        Return `new_size`, or `size` if the budget does not allow it.
        """
        cost = (new_size - size) * IN_FLIGHT
        if cost > self._free:
            return size
        self._free -= cost
        return new_size


async def send(sending: Sending, context: Context, budget: PieceBudget, monotonic: Callable[[], float]) -> None:
    """Send the header and the data of a file.

    What is in memory and known is read when it is needed. Otherwise one piece is read and verified in another thread
    while the previous one is sent. A whole file ends successfully only if its hash is right. What was sent is counted
    in `sending`. `monotonic` returns seconds and never goes back. Raises FileDamaged if the store has fewer bytes than
    it should or, for a whole file, if the hash is wrong.
    """
    download = sending.download
    await context.write(encode.download_header(download.export, download.file, download.offset))
    pieces, size = _Pieces(download), SMALL
    try:
        while message := await pieces.next(size):
            started = monotonic()
            await _taken(context, message)
            del message  # its memory is used for the next one
            sending.sent = pieces.position - download.offset
            keeps_up = monotonic() - started < KEEPS_UP_S
            size = budget.resized(size, min(size * 2, LARGE) if keeps_up else SMALL)
    finally:
        budget.resized(size, SMALL)
        await pieces.close()
    pieces.check()


class _Pieces:
    """The pieces of a download as messages, in order."""

    def __init__(self, download: Download) -> None:
        self._download = download
        self.position = download.offset
        """The end of the last piece."""
        self._buffers = PieceBuffers()
        self._ahead: tuple[asyncio.Task[bytes], int] | None = None
        self._skipped, self._skip = 1, 0

    async def next(self, size: int) -> bytes | None:
        """Return the next piece, of at most `size` bytes, or None at the end."""
        if not self._ahead:
            length = self._left(size)
            if not length or (message := self._at_once(length)):
                return message if length else None
            self._ahead = self._begin(length)
        reading, length = self._ahead
        message = await reading
        self.position += length
        length = self._left(size)
        self._ahead = self._begin(length) if length and not self._looks() else None
        return message

    async def close(self) -> None:
        """End what is read ahead."""
        if self._ahead:
            await end_tasks(self._ahead[0])

    def check(self) -> None:
        """Raise FileDamaged if a whole file has another hash."""
        if self._download.inspection and not self._download.inspection.is_right():
            raise FileDamaged(self._download.file.id)

    def _left(self, size: int) -> int:
        return min(size, self._download.end - self.position)

    def _looks(self) -> bool:
        """Whether the next piece is looked for in memory, when it is needed."""
        if self._download.inspection and not self._download.inspection.is_quick:
            return False
        looks, self._skip = not self._skip, max(0, self._skip - 1)
        return looks

    def _at_once(self, length: int) -> bytes | None:
        """Return a piece that is in memory and quick to verify: another thread would cost more than that takes."""
        if not self._looks():
            return None
        message = self._buffers.filled(length, lambda data: self._fill(self.position, data))
        if message:
            self.position += length
            self._skipped = 1
        else:
            self._skip, self._skipped = self._skipped, min(self._skipped * 2, MAX_SKIPPED)
        return message

    def _fill(self, position: int, data: memoryview) -> bool:
        is_filled = self._download.reader.fill(position, data)
        if is_filled and self._download.inspection:
            self._download.inspection.update(data)
        return is_filled

    def _begin(self, length: int) -> tuple[asyncio.Task[bytes], int]:
        return asyncio.create_task(self._read(self.position, length)), length

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
    """Send a message. A reader that takes nothing for a long time is ended to make room; it can resume its download."""
    try:
        async with asyncio.timeout(STALLED_S):
            await context.write(message)
    except TimeoutError:
        raise ReaderStalled(round(STALLED_S)) from None
