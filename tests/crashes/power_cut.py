"""What a power cut would leave, judged by the calls of fsync that were made: the system promises nothing else."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch


class PowerCut:
    """What is durable below `root`, which is itself.

    A folder has the names that it had at its last fsync, a file the bytes; nothing that was there before counts. Only
    paths below `root` that `counts` are looked at. `torn` lists those that had their name before their bytes were
    durable: a power cut at that moment may have left them empty.
    """

    def __init__(self, root: Path, counts: Callable[[Path], bool]) -> None:
        self.torn: set[str] = set()
        self._root = root
        self._counts = counts
        self._bytes: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._fsync = os.fsync

    def fsync(self, descriptor: int) -> None:
        """In place of the system's, which is called."""
        self._note_torn()
        self._fsync(descriptor)
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            with os.scandir(descriptor) as entries:
                self._names[status.st_ino] = {entry.name: entry.inode() for entry in entries}
        else:
            self._bytes[status.st_ino] = Path(f"/proc/self/fd/{descriptor}").read_bytes()

    def survivors(self) -> dict[str, bytes]:
        """Files by their path; one without durable bytes is empty."""
        return dict(self._files(self._root.stat().st_ino, Path()))

    def _files(self, folder: int, at: Path) -> Iterator[tuple[str, bytes]]:
        for name, inode in self._names.get(folder, {}).items():
            path = at / name
            if inode in self._names:
                yield from self._files(inode, path)
            elif self._counts(path):
                yield str(path), self._bytes.get(inode, b"")

    def _note_torn(self) -> None:
        for file in self._root.rglob("*"):
            path = file.relative_to(self._root)
            if self._counts(path) and file.is_file() and file.read_bytes() != self._bytes.get(file.stat().st_ino):
                self.torn.add(str(path))


def _all(_: Path) -> bool:
    return True


@contextmanager
def recorded(root: Path, counts: Callable[[Path], bool] = _all) -> Iterator[PowerCut]:
    """Every fsync of this process, within the context."""
    cut = PowerCut(root, counts)
    with patch.object(os, "fsync", cut.fsync), patch.object(os, "fdatasync", cut.fsync):
        yield cut
