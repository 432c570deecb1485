"""Messages of a download that are filled in place, in memory that is used again for later pieces."""

from collections.abc import Callable
from io import BytesIO

from services.api.rpc import encode


class PieceBuffer:
    """The memory of one message with `length` bytes of data.

    BytesIO hands its bytes out without a copy. If somebody still holds a message when its buffer is filled again,
    BytesIO makes a copy first, so that the message does not change.
    """

    def __init__(self, length: int) -> None:
        self.length = length
        head = encode.download_head(length)
        self._begin = len(head)
        self._bytes = BytesIO(head + bytes(length))

    def filled(self, fill: Callable[[memoryview], bool]) -> bytes | None:
        """Return the message with the data that `fill` puts into the memory it is given; None if it returns False."""
        with self._bytes.getbuffer() as message, message[self._begin :] as data:
            if not fill(data):
                return None
        return self._bytes.getvalue()


class PieceBuffers:
    """Two buffers in turns: the message in one is sent while the other is filled."""

    def __init__(self) -> None:
        self._free: PieceBuffer | None = None
        self._sent: PieceBuffer | None = None

    def filled(self, length: int, fill: Callable[[memoryview], bool]) -> bytes | None:
        """Return a message with `length` bytes of data. If `fill` returns False, return None and keep no memory."""
        buffer = self._free if self._free and self._free.length == length else PieceBuffer(length)
        self._free = None
        message = buffer.filled(fill)
        self._free, self._sent = (self._sent, buffer) if message else (None, None)
        return message
