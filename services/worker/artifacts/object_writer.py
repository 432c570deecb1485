"""A file on its way into a bucket: parts go up while it is written, and it is there once the last one is."""

import errno
import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Never

import obstore

from services.objects.client import understood
from services.worker.ports import StoredFile

if TYPE_CHECKING:
    from obstore import WritableFile
    from obstore.store import ObjectStore

PART_BYTES = 8 << 20
"""A smaller file goes up whole, in one request."""

_MAX_PARTS_IN_FLIGHT = 4
_MAX_PARTS = 10_000  # of one upload, for S3

MAX_OBJECT_BYTES = PART_BYTES * _MAX_PARTS


class _GivenUp(Exception):
    """Tells obstore to end the upload."""


class ObjectWriter:
    """The ArtifactWriter of the object `key`. `media_type` is what the store tells who downloads it."""

    seeks = False

    def __init__(self, store: "ObjectStore", key: str, media_type: str) -> None:
        self._key = key
        self._digest = hashlib.sha256()
        self._size = 0
        self._file: WritableFile | None = obstore.open_writer(
            store,
            key,
            attributes={"Content-Type": media_type},
            buffer_size=PART_BYTES,
            max_concurrency=_MAX_PARTS_IN_FLIGHT,
        )

    def write(self, block: bytes | memoryview) -> int:
        """See ArtifactWriter."""
        if self._size + len(block) > MAX_OBJECT_BYTES:
            raise OSError(errno.EFBIG, f"an object holds {MAX_OBJECT_BYTES} bytes at most")
        self._digest.update(block)
        with understood():
            self._opened().write(memoryview(block).cast("B"))  # Arrow's buffers are of signed bytes, which it refuses
        self._size += len(block)
        return len(block)

    def seekable(self) -> Never:
        """See ArtifactWriter: an object is written once, from its start to its end."""
        raise OSError(errno.ESPIPE, "an object is only appended to")

    def size(self) -> int:
        """See ArtifactWriter."""
        return self._size

    def push(self) -> None:
        """See ArtifactWriter: parts are on their way as soon as they are full."""

    def close(self, tick: Callable[[], None]) -> StoredFile:
        """See ArtifactWriter."""
        tick()
        with understood():
            self._opened().close()
        self._file = None
        return StoredFile(self._key, self._size, self._digest.hexdigest())

    def abort(self) -> None:
        """See ArtifactWriter."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(Exception):  # the api's sweep ends what stays
                file.__exit__(_GivenUp, _GivenUp(), None)

    def _opened(self) -> "WritableFile":
        if self._file is None:
            raise ValueError("the writer is closed")
        return self._file
