"""Attachments below a prefix of an object store: sources of kind object."""

import threading
from collections.abc import Sequence
from contextlib import closing
from typing import BinaryIO

from services.contract.spec import AttachmentSpec
from services.worker.ports import Row
from services.worker.sources import errors
from services.worker.sources.access import Access
from services.worker.sources.attachments.settings import BucketSettings
from services.worker.sources.check.problems import Probe, Problem, failure
from services.worker.sources.stores.folder import is_plain
from services.worker.sources.stores.s3 import filesystem, reach, tls_words
from services.worker.sources.stores.streams import stream

_NO_STEPS = frozenset({"", "."})  # steps of a key that some stores treat as folders
_FAILURES = (OSError, ValueError)
_CONCURRENCY = 16
"""Requests over HTTP take longer than opening a file and cost the server less, so more of them run at the same time."""


class BucketFiles:
    """The AttachmentFiles of an object store, by key. `open` may be called by several threads.

    The store can tell a missing key from a forbidden one only if listing the prefix is allowed.
    """

    concurrency = _CONCURRENCY

    def __init__(self, settings: BucketSettings) -> None:
        self._id = settings.id
        self._root = settings.root
        self._store = filesystem(settings.root)
        self._bucket_seen = threading.Event()

    def open(self, _attachment: AttachmentSpec, path: str, _row: Row) -> BinaryIO | None:
        """See ports.AttachmentFiles. The result is also None for a path that would leave the prefix."""
        if not is_plain(path) or not _NO_STEPS.isdisjoint(path.split("/")):
            return None
        try:
            file = self._store.open_input_stream(self._root.path(path), compression=None)
        except FileNotFoundError:
            self.check_bucket()
            return None
        except _FAILURES as error:
            raise errors.unavailable(self._id, tls_words(error)) from error
        return stream(file.read, file.close, _FAILURES, errors.unavailable(self._id))

    def close(self) -> None:
        """See ports.AttachmentFiles. pyarrow owns the connections."""

    def check_bucket(self) -> None:
        """Raise SourceFailed when the bucket does not exist. Without this check, every object would look missing."""
        from pyarrow.fs import FileType  # noqa: PLC0415 - few workers have object stores

        if self._bucket_seen.is_set():
            return
        try:
            if self._store.get_file_info(self._root.bucket).type == FileType.NotFound:
                raise errors.unavailable(self._id)
        except _FAILURES as error:
            raise errors.unavailable(self._id, tls_words(error)) from error
        self._bucket_seen.set()


def _check(settings: BucketSettings, _: Sequence[Probe]) -> list[Problem]:
    try:
        with closing(BucketFiles(settings)) as files:
            files.check_bucket()
    except errors.SourceFailed as failed:
        return [failure(settings.id, failed)]
    return []


def _reach(settings: BucketSettings) -> None:
    reach(settings.root)


ACCESS = Access(open_attachments=BucketFiles, check=_check, reach=_reach)
