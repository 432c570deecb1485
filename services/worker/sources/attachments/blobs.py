"""Attachments in a binary column of a database."""

from queue import Empty, LifoQueue
from typing import BinaryIO

from services.contract.spec import AttachmentSpec
from services.worker.sources import errors
from services.worker.sources.attachments.blob_reading import BlobReader, reader_of
from services.worker.sources.settings import SourceSettings
from services.worker.sources.stores.streams import PIECE, stream, whole_stream


class BlobFiles:
    """Blobs by their keys. `open` may be called by several threads: each blob has a connection to itself while it is
    read, which the next one takes over.
    """

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        self._idle: LifoQueue[BlobReader] = LifoQueue()
        self._closed = False

    def open(self, attachment: AttachmentSpec, _path: str, row: dict[str, str | None]) -> BinaryIO | None:
        """See attachments.Files. None, too, for a key that is null or not in the relation."""
        blob = attachment.blob
        if blob is None:
            raise errors.relation_missing(self._settings.id)
        values = [row[key.row_column] for key in blob.key]
        known = tuple(value for value in values if value is not None)
        if len(known) < len(values):
            return None
        reader = self._taken()
        try:
            found = reader.find(blob, known)
        except BaseException:
            reader.close()
            raise
        if found is None or found.size <= len(found.start):
            self._given_back(reader)
            return None if found is None else whole_stream(found.start)
        return self._streamed(reader, found.start, found.size)

    def close(self) -> None:
        """See attachments.Files."""
        self._closed = True
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    def _streamed(self, reader: BlobReader, start: bytes, size: int) -> BinaryIO:
        parts = _Parts(reader, start, size)
        return stream(parts.read, lambda: self._given_back(reader), (), errors.unavailable(self._settings.id))

    def _taken(self) -> BlobReader:
        try:
            return self._idle.get_nowait()
        except Empty:
            return reader_of(self._settings)

    def _given_back(self, reader: BlobReader) -> None:
        reader.rest()
        self._idle.put(reader)
        if self._closed:  # meanwhile
            self.close()


class _Parts:
    """A large blob, a MiB at a time."""

    def __init__(self, reader: BlobReader, start: bytes, size: int) -> None:
        self._reader = reader
        self._part = memoryview(start)
        self._fetched = len(start)
        self._size = size

    def read(self, size: int) -> bytes:
        if not self._part and self._fetched < self._size:
            self._part = memoryview(self._reader.part(self._fetched, min(PIECE, self._size - self._fetched)))
            self._fetched += len(self._part)
        found, self._part = bytes(self._part[:size]), self._part[size:]
        return found
