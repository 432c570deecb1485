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
    """The buffer of a download: one, as long as its messages have the same length."""

    def __init__(self) -> None:
        self._last: PieceBuffer | None = None

    def filled(self, length: int, fill: Callable[[memoryview], bool]) -> bytes | None:
        """Return a message with `length` bytes of data. If `fill` returns False, return None and keep no memory."""
        buffer = self._last if self._last and self._last.length == length else PieceBuffer(length)
        message = buffer.filled(fill)
        self._last = buffer if message else None
        return message
