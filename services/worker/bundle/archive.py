"""A ZIP of an export, which ends with its manifest."""

from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from services.contract.outcome import Entry
from services.worker.bundle.content import Begun, Content, Hashed, Whole, taken
from services.worker.bundle.manifest import MANIFEST, Manifest
from services.worker.zip.appender import ZipAppender

_SHOWN = 100


def _nothing() -> None:
    """Nobody wants to know."""


class Archive:
    """Appends entries to a ZIP in `file`, which is seekable, empty and stays the caller's.

    `written_at` is the time shown with each entry. A `password` encrypts every entry, the manifest too. `tick` is
    called occasionally while content is read. What is kept aside is in `spool_dir`, in files without a name.
    """

    def __init__(
        self,
        file: BinaryIO,
        written_at: datetime,
        spool_dir: Path,
        password: str = "",
        tick: Callable[[], None] = _nothing,
    ) -> None:
        self._zip = ZipAppender(file, written_at, spool_dir, password, unix_times=True)
        self._manifest = Manifest(spool_dir)
        self._tick = tick
        self._entries: list[Entry] = []

    def add(self, name: str, content: BinaryIO) -> None:
        """Append all of `content`, from its start, and close it. `name` must be new and safe."""
        content.seek(0)
        self.append(name, taken(name, content))

    def append(self, name: str, content: Content) -> None:
        """Append what was taken from a stream."""
        self._tick()
        match content:
            case Whole(piece, method, sha256):
                self._zip.put(name, piece, method)
                self._note(name, piece.size, sha256)
            case Begun(start, rest):
                with closing(rest):
                    hashed = Hashed(content, self._tick)
                    size = self._zip.stream(name, start, hashed)
                self._note(name, size, hashed.sha256())

    def finish(self, about: Mapping[str, Any]) -> None:
        """Append the manifest, which begins with `about`, and finish the ZIP; its file stays open."""
        with self._manifest.closed(about) as content:
            size = self._zip.add(MANIFEST, content)
        self._show(MANIFEST, size)
        self._zip.close()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The first 100 entries, with their sizes before compression."""
        return tuple(self._entries)

    @property
    def entry_count(self) -> int:
        """All entries."""
        return self._zip.entry_count

    def _note(self, name: str, size: int, sha256: str) -> None:
        self._manifest.note(name, size, sha256)
        self._show(name, size)

    def _show(self, name: str, size: int) -> None:
        if len(self._entries) < _SHOWN:
            self._entries.append(Entry(name, size))
