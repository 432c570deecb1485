"""Attachments in a binary column of a database."""

from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, LifoQueue
from typing import BinaryIO, Protocol

from services.contract.spec import AttachmentSpec, Blob
from services.worker.ports import Row
from services.worker.sources import errors
from services.worker.sources.stores.streams import PIECE, stream, whole_stream

_CONCURRENCY = 4
"""Number of blobs read at the same time.

A database needs some time for each, so others are fetched while one is packed.
"""


@dataclass(frozen=True, slots=True)
class BlobStart:
    """The size of a blob in bytes, and its first MiB."""

    content: bytes
    size: int


class BlobReader(Protocol):
    """A connection that reads blobs. Its methods raise SourceFailed; after that only `close` may be called."""

    def find(self, blob: Blob, key: tuple[str, ...]) -> BlobStart | None:
        """Find the blob of this key (texts). None when the row does not exist or the blob is null."""
        ...

    def part(self, start: int, size: int) -> bytes:
        """Return `size` bytes of the blob that was found last, from `start`. The blob has that many bytes."""
        ...

    def rest(self) -> None:
        """End the transaction. No more parts of the current blob are read."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class BlobFiles:
    """The AttachmentFiles of blobs in a database. `connected` opens a connection.

    `open` may be called by several threads. A blob has a connection to itself while it is read; the connection is used
    again for later blobs.
    """

    concurrency = _CONCURRENCY

    def __init__(self, source_id: str, connected: Callable[[], BlobReader]) -> None:
        self._id = source_id
        self._connected = connected
        self._idle: LifoQueue[BlobReader] = LifoQueue()
        self._closed = False

    def open(self, attachment: AttachmentSpec, _path: str, row: Row) -> BinaryIO | None:
        """See ports.AttachmentFiles. The result is also None for a key that is null or does not exist."""
        blob = attachment.blob
        if blob is None:
            raise errors.relation_missing(self._id)
        values = [row[key.row_column] for key in blob.key]
        known = tuple(value for value in values if value is not None)
        if len(known) < len(values):
            return None
        reader = self._taken()
        try:
            start = reader.find(blob, known)
        except BaseException:
            reader.close()
            raise
        if start is None or start.size <= len(start.content):
            self._given_back(reader)
            return None if start is None else whole_stream(start.content)
        return self._streamed(reader, start)

    def close(self) -> None:
        """See ports.AttachmentFiles."""
        self._closed = True
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    def _streamed(self, reader: BlobReader, start: BlobStart) -> BinaryIO:
        parts = _Parts(reader, start)
        return stream(parts.read, lambda: self._given_back(reader), (), errors.unavailable(self._id))

    def _taken(self) -> BlobReader:
        try:
            return self._idle.get_nowait()
        except Empty:
            return self._connected()

    def _given_back(self, reader: BlobReader) -> None:
        reader.rest()
        self._idle.put(reader)
        if self._closed:  # closed in the meantime
            self.close()


class _Parts:
    """The content of a large blob, fetched one MiB at a time."""

    def __init__(self, reader: BlobReader, start: BlobStart) -> None:
        self._reader = reader
        self._part = memoryview(start.content)
        self._fetched = len(start.content)
        self._size = start.size

    def read(self, size: int) -> bytes:
        if not self._part and self._fetched < self._size:
            self._part = memoryview(self._reader.part(self._fetched, min(PIECE, self._size - self._fetched)))
            self._fetched += len(self._part)
        piece, self._part = bytes(self._part[:size]), self._part[size:]
        return piece
