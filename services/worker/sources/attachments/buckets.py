"""Attachments below a prefix of an object store."""

import threading
from typing import BinaryIO

from services.contract.spec import AttachmentSpec
from services.worker.sources import errors
from services.worker.sources.stores.folder import is_plain
from services.worker.sources.stores.s3 import ObjectRoot, filesystem
from services.worker.sources.stores.streams import stream

_NO_STEPS = frozenset({"", "."})  # of a key; some stores take them for a step
_FAILURES = (OSError, ValueError)


class BucketFiles:
    """Objects by their keys. `open` may be called by several threads.

    A key that is not there can only be told from one that must not be read when the prefix may be listed.
    """

    def __init__(self, source_id: str, root: ObjectRoot) -> None:
        self._id = source_id
        self._root = root
        self._store = filesystem(root)
        self._bucket_seen = threading.Event()

    def open(self, _attachment: AttachmentSpec, path: str, _row: dict[str, str | None]) -> BinaryIO | None:
        """See attachments.Files. A path that would leave the prefix is none."""
        if not is_plain(path) or not _NO_STEPS.isdisjoint(path.split("/")):
            return None
        try:
            file = self._store.open_input_stream(self._root.path(path), compression=None)
        except FileNotFoundError:
            self._check_bucket()
            return None
        except _FAILURES as error:
            raise errors.unavailable(self._id) from error
        return stream(file.read, file.close, _FAILURES, errors.unavailable(self._id))

    def close(self) -> None:
        """See attachments.Files. The connections are pyarrow's."""

    def _check_bucket(self) -> None:
        """Without its bucket every object would be missing."""
        from pyarrow.fs import FileType  # noqa: PLC0415 - few sources are objects

        if self._bucket_seen.is_set():
            return
        try:
            if self._store.get_file_info(self._root.bucket).type == FileType.NotFound:
                raise errors.unavailable(self._id)
        except _FAILURES as error:
            raise errors.unavailable(self._id) from error
        self._bucket_seen.set()
