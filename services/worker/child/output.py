"""A file of a job, from its opening to its place in the artifact store."""

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
"""Called occasionally in long steps."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """Whose files, where they go, a folder for what is needed meanwhile, and who is told that it goes on.

    `began` is the time that the files bear, `threads` how many encode and compress.
    """

    job: Job
    sink: ArtifactSink
    scratch: Path
    began: datetime
    tick: Tick
    threads: int = THREADS


class Output:
    """A file `export.csv` or the like, for one of: bytes of a format that goes back (`seekable`), bytes at its end
    (`growing`), entries of a ZIP (`archive`). Raises StoreUnavailable. A context: what is not stored within it is given
    up.
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
        """A file to write to at any place, where the store has that; else one that says it is only appended to."""
        return self._writer.seekable() if self._writer.seeks else self.growing(Compression.NONE)

    def growing(self, compression: Compression) -> BinaryIO:
        """A file to append to until `end`; what is appended is compressed on its way."""
        self._growing = GrowingFile(self._writer, compression, self._context.threads)
        return cast("BinaryIO", self._growing)

    def archive(self) -> Archive:
        """A ZIP, sealed with the job's password if it has one."""
        context = self._context
        self._archive = Archive(self.seekable(), context.began, context.scratch, context.job.password, context.tick)
        return self._archive

    def end(self) -> None:
        """Wait for what was appended; an archive ends when it is stored. Raises what went wrong with it."""
        if self._growing and self._archive is None:
            self._growing.end()

    def size(self) -> int:
        """Bytes in the file so far."""
        return self._writer.size()

    def push(self) -> None:
        """Have the store begin with what is in the file. To be called occasionally."""
        self._writer.push()

    def store(self) -> Artifact:
        """Make it an artifact. Raises OSError."""
        if self._growing and self._archive:
            self._growing.end()
        stored = self._writer.close(self._context.tick)
        kind, archive = self._kind, self._archive
        bare = Artifact(stored.key, stored.size_bytes, stored.sha256, kind.media_type, kind.extension)
        if archive is None:
            return bare
        sealed = bool(self._context.job.password)
        return replace(bare, entries=archive.entries, entry_count=archive.entry_count, encrypted=sealed)
