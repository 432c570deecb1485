"""A ZIP of an export. It ends with its manifest."""

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
    """Do nothing."""


class Archive:
    """Appends entries to a ZIP in `file`, which must be seekable and empty, and stays open.

    `written_at` is the time of each entry. A `password` encrypts every entry, including the manifest. `tick` is called
    from time to time while content is read. Temporary data is in unnamed files in `spool_dir`.
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
        """Append content that was taken from a stream."""
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
        """Append the manifest, which begins with `about`, and finish the ZIP. Its file stays open."""
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
        """Number of all entries."""
        return self._zip.entry_count

    def _note(self, name: str, size: int, sha256: str) -> None:
        self._manifest.note(name, size, sha256)
        self._show(name, size)

    def _show(self, name: str, size: int) -> None:
        if len(self._entries) < _SHOWN:
            self._entries.append(Entry(name, size))
