"""Contents of attachments as binary streams, for any source."""

import io
from collections.abc import Callable
from typing import BinaryIO, cast

from services.worker.sources.errors import SourceFailed

PIECE = 1 << 20


def whole_stream(content: bytes) -> BinaryIO:
    """Return a stream over content that is in memory."""
    return io.BytesIO(content)


def stream(
    read: Callable[[int], bytes],
    close: Callable[[], None],
    failures: tuple[type[BaseException], ...],
    as_: SourceFailed,
) -> BinaryIO:
    """Return a stream over content that is read in parts.

    `read` returns at most the given number of bytes, and none at the end. Its `failures` are raised `as_`. `close` is
    called once, when the stream is closed.
    """
    return cast("BinaryIO", _Stream(read, close, failures, as_))


class _Stream(io.RawIOBase):
    def __init__(
        self,
        read: Callable[[int], bytes],
        close: Callable[[], None],
        failures: tuple[type[BaseException], ...],
        as_: SourceFailed,
    ) -> None:
        super().__init__()
        self._read = read
        self._close = close
        self._failures = failures
        self._as = as_

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            return self.readall()
        try:
            return self._read(size)
        except self._failures as failure:
            raise self._as from failure

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self.read(PIECE), b""))

    def close(self) -> None:
        if not self.closed:
            self._close()
        super().close()
