"""Writes a file of an artifact store in a bucket.

Parts are uploaded while the file is written. The object exists once the last part is uploaded.
"""

import errno
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Never

import obstore

from services.objects.client import understood
from services.worker.ports import StoredFile, StoreUnavailable

if TYPE_CHECKING:
    from obstore import WritableFile
    from obstore.store import ObjectStore

PART_BYTES = 8 << 20
"""Size of a part. A smaller file is uploaded in a single request."""

_MAX_PARTS_IN_FLIGHT = 4
_MAX_PARTS = 10_000  # S3's limit for one upload

MAX_OBJECT_BYTES = PART_BYTES * _MAX_PARTS


class _GivenUp(Exception):
    """Makes obstore abort the upload."""


class UploadFailed(StoreUnavailable, OSError):
    """The store did not take a part, or the end of an upload. The message is its own words."""


@contextmanager
def _storing() -> Iterator[None]:
    """Convert the store's errors. Those of `close` come from obstore as a bare OSError."""
    try:
        with understood():
            yield
    except OSError as error:
        raise UploadFailed(str(error)) from error


class ObjectWriter:
    """The ArtifactWriter of the object `key`.

    The store sends `media_type` and `filename` (ASCII without quotes) with each download. Browsers save the file
    instead of showing it.
    """

    seeks = False

    def __init__(self, store: "ObjectStore", key: str, media_type: str, filename: str) -> None:
        self._key = key
        self._digest = hashlib.sha256()
        self._size = 0
        self._file: WritableFile | None = obstore.open_writer(
            store,
            key,
            attributes={"Content-Type": media_type, "Content-Disposition": f'attachment; filename="{filename}"'},
            buffer_size=PART_BYTES,
            max_concurrency=_MAX_PARTS_IN_FLIGHT,
        )

    def write(self, block: bytes | memoryview) -> int:
        """See ArtifactWriter."""
        if self._size + len(block) > MAX_OBJECT_BYTES:
            raise OSError(errno.EFBIG, f"an object holds {MAX_OBJECT_BYTES} bytes at most")
        self._digest.update(block)
        with _storing():
            self._opened().write(memoryview(block).cast("B"))  # Arrow's buffers are of signed bytes, which it refuses
        self._size += len(block)
        return len(block)

    def seekable(self) -> Never:
        """See ArtifactWriter: objects are not seekable."""
        raise OSError(errno.ESPIPE, "an object is only appended to")

    def size(self) -> int:
        """See ArtifactWriter."""
        return self._size

    def push(self) -> None:
        """See ArtifactWriter: a part is uploaded as soon as it is full."""

    def close(self, tick: Callable[[], None]) -> StoredFile:
        """See ArtifactWriter."""
        tick()
        with _storing():
            self._opened().close()
        self._file = None
        return StoredFile(self._key, self._size, self._digest.hexdigest())

    def abort(self) -> None:
        """See ArtifactWriter."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(Exception):  # the api's sweep aborts an upload that stays
                file.__exit__(_GivenUp, _GivenUp(), None)

    def _opened(self) -> "WritableFile":
        if self._file is None:
            raise ValueError("the writer is closed")
        return self._file
