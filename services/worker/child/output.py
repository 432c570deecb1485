"""A file of a job, from its creation to its place in the artifact store."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Self, cast

from services.contract.formats import Compression, FileKind
from services.contract.job import Job
from services.contract.outcome import Artifact
from services.worker.bundle.archive import Archive
from services.worker.concurrency.threads import THREADS
from services.worker.ports import ArtifactSink
from services.worker.writers.growing import GrowingFile

Tick = Callable[[], None]
"""Called from time to time during long steps."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job's files need: the store, a scratch folder, and a callback.

    `began` is the time in ZIP entries and manifests. `tick` is called from time to time. `threads` is the number of
    threads that encode and compress.
    """

    job: Job
    sink: ArtifactSink
    scratch: Path
    began: datetime
    tick: Tick
    threads: int = THREADS


class Output:
    """A file of a job, such as `export.csv`, in the artifact store.

    Use exactly one of `seekable`, for a format that changes what it has written; `growing`, for one that only appends;
    and `archive`, for a ZIP. As a context manager, it discards a file that has not been stored. The constructor raises
    StoreUnavailable.
    """

    def __init__(self, context: JobContext, stem: str, kind: FileKind) -> None:
        self._context = context
        self._kind = kind
        self._writer = context.sink.open(context.job.lease, f"{stem}.{kind.extension}", kind.media_type)
        self._growing: GrowingFile | None = None
        self._archive: Archive | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._growing:
            self._growing.abandon()
        self._writer.abort()

    def seekable(self) -> BinaryIO:
        """Return a seekable file if the store supports that, otherwise a file that can only be appended to and
        says so.
        """
        return self._writer.seekable() if self._writer.seeks else self.growing(Compression.NONE)

    def growing(self, compression: Compression) -> BinaryIO:
        """Return a file that is appended to until `end`. Data is compressed on its way."""
        self._growing = GrowingFile(self._writer, compression, self._context.threads)
        return cast("BinaryIO", self._growing)

    def archive(self) -> Archive:
        """Return a ZIP file, encrypted if the job has a password."""
        context = self._context
        self._archive = Archive(self.seekable(), context.began, context.scratch, context.job.password, context.tick)
        return self._archive

    def end(self) -> None:
        """Wait until the appended data is written, and raise its errors. A ZIP is finished by `store` instead."""
        if self._growing and self._archive is None:
            self._growing.end()

    def size(self) -> int:
        """Return the number of bytes in the file so far."""
        return self._writer.size()

    def push(self) -> None:
        """Start sending written data to the store. To be called from time to time."""
        self._writer.push()

    def store(self) -> Artifact:
        """Publish the file as an artifact. Raises OSError."""
        if self._growing and self._archive:
            self._growing.end()
        stored = self._writer.close(self._context.tick)
        kind, archive = self._kind, self._archive
        bare = Artifact(stored.key, stored.size_bytes, stored.sha256, kind.media_type, kind.extension, gmac=stored.gmac)
        if archive is None:
            return bare
        sealed = bool(self._context.job.password)
        return replace(bare, entries=archive.entries, entry_count=archive.entry_count, encrypted=sealed)
