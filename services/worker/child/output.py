"""A file of a job, from its opening in the spool to its place in the store."""

import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Self, cast

from services.contract.formats import Compression, FileKind
from services.contract.job import Job
from services.contract.outcome import Artifact
from services.worker.artifacts.folder import publish
from services.worker.bundle.archive import Archive
from services.worker.writers.growing import GrowingFile

_CHUNK = 1 << 20
_WRITTEN_AT_ONCE = 8 << 20

Tick = Callable[[], None]
"""Called now and then in long steps."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """Whose files, where they are made, and who is told that it goes on. `began` is the time that they bear."""

    job: Job
    spool: Path
    began: datetime
    tick: Tick


class Output:
    """A file `export.csv` or the like in the spool, for one of: bytes at any place (`file`), bytes at its end
    (`growing`), entries of a ZIP (`archive`). A context, which closes it; what happens to the content is up to others.
    """

    def __init__(self, context: JobContext, stem: str, kind: FileKind) -> None:
        self._context = context
        self._path = context.spool / f"{stem}.{kind.extension}"
        self._kind = kind
        self.file: BinaryIO = self._path.open("w+b")
        self._grown: GrowingFile | None = None
        self._archive: Archive | None = None
        self._sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.file:
            if self._grown:
                self._grown.abandon()

    def growing(self, compression: Compression) -> BinaryIO:
        """A file to append to until `end`; what is appended is hashed and compressed on its way."""
        self._grown = GrowingFile(self.file, compression)
        return cast("BinaryIO", self._grown)

    def archive(self) -> Archive:
        """A ZIP, sealed with the job's password if it has one."""
        context = self._context
        self._archive = Archive(self.file, context.began, context.spool, context.job.password, context.tick)
        return self._archive

    def end(self) -> None:
        """Wait for what was appended. Raises what went wrong with it."""
        if self._grown:
            self._grown.end()

    def size(self) -> int:
        """Bytes in the file so far."""
        return os.fstat(self.file.fileno()).st_size

    def send(self) -> None:
        """Have the disk begin with what is in the file, without waiting: less is left for the end. For now and then."""
        size = self.size()
        if size - self._sent >= _WRITTEN_AT_ONCE:
            _start_writing(self.file.fileno(), self._sent, size - self._sent)
            self._sent = size

    def published(self, root: Path) -> Artifact:
        """Put it into the store at `root`, under the job's prefix. Raises OSError."""
        self.file.flush()
        sha256 = self._grown.sha256() if self._grown else self._sha256()
        size = self.size()
        key = publish(self._path, root, self._context.job, self._path.name)
        bare = Artifact(key, size, sha256, self._kind.media_type, self._kind.extension)
        archive = self._archive
        if archive is None:
            return bare
        sealed = bool(self._context.job.password)
        return replace(bare, entries=archive.entries, entry_count=archive.entry_count, encrypted=sealed)

    def _sha256(self) -> str:
        """Of the whole file, which is read from its start to its end."""
        digest = hashlib.sha256()
        self.file.seek(0)
        while chunk := self.file.read(_CHUNK):
            digest.update(chunk)
            self._context.tick()
        return digest.hexdigest()


def _start_writing(handle: int, start: int, size: int) -> None:
    # Linux writes what was changed and only then lets go of it; elsewhere nothing begins, and nothing is lost.
    if sys.platform == "linux":
        os.posix_fadvise(handle, start, size, os.POSIX_FADV_DONTNEED)
