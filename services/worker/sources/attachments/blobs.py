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
"""A database takes its time for each blob: a few are on their way while another is packed."""


@dataclass(frozen=True, slots=True)
class BlobStart:
    """A blob of `size` bytes, and its first MiB."""

    content: bytes
    size: int


class BlobReader(Protocol):
    """One connection. What it does raises SourceFailed; it is fit for nothing but `close` then."""

    def find(self, blob: Blob, key: tuple[str, ...]) -> BlobStart | None:
        """The blob of this key, as text; None when there is no such row, or null in it."""
        ...

    def part(self, start: int, size: int) -> bytes:
        """`size` bytes of the blob that was found last, which has them."""
        ...

    def rest(self) -> None:
        """Nothing more of that blob is wanted: end the transaction."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


class BlobFiles:
    """Blobs by their keys; `connected` makes a new connection.

    `open` may be called by several threads: each blob has a connection to itself while it is read, which the next one
    takes over.
    """

    concurrency = _CONCURRENCY

    def __init__(self, source_id: str, connected: Callable[[], BlobReader]) -> None:
        self._id = source_id
        self._connected = connected
        self._idle: LifoQueue[BlobReader] = LifoQueue()
        self._closed = False

    def open(self, attachment: AttachmentSpec, _path: str, row: Row) -> BinaryIO | None:
        """See ports.AttachmentFiles. None, too, for a key that is null or not in the relation."""
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
        if self._closed:  # meanwhile
            self.close()


class _Parts:
    """A large blob, a MiB at a time."""

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
