"""Disks that can be filled: small tmpfs mounts if this process may mount, otherwise a limit of the file size."""

import math
import resource
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

_DISK_SIZE = "4g"
"""The capacity of a disk. Memory is used only for what it really holds."""

_FULL_DISK_FREE_KB = 64
"""The room on a full disk: enough to begin something, but not to finish it."""

_MAX_FILE_BYTES = 4096
"""The limit of the file size if full disks are only simulated."""


class Disk(ABC):
    """A folder at `path` whose disk can be filled and freed. The context creates and removes it.

    `full_until` is the last time (monotonic) at which it had no room: infinity while it is full, 0 if it never was.
    """

    method: str

    def __init__(self, path: Path) -> None:
        self.path = path
        self.full_until = 0.0
        path.mkdir(parents=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.free()

    def fill(self) -> None:
        """Leave hardly any room."""
        self.full_until = math.inf
        self._fill()

    def free(self) -> None:
        """Restore the room. Idempotent."""
        self._free()
        if math.isinf(self.full_until):
            self.full_until = time.monotonic()

    @abstractmethod
    def _fill(self) -> None: ...

    @abstractmethod
    def _free(self) -> None: ...


class Tmpfs(Disk):
    """A disk that is a mount of its own. Entering raises OSError if mounting is not allowed."""

    method = "tmpfs"

    def __enter__(self) -> Self:
        if _mount("-t", "tmpfs", "-o", f"size={_DISK_SIZE},mode=700", "exportd-chaos", self.path):
            raise OSError(f"cannot mount {self.path}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["umount", "--lazy", self.path], check=False)

    def _fill(self) -> None:
        """Shrink the disk to its content. If something is written meanwhile, a second attempt may be needed."""
        for _ in range(10):
            used = psutil.disk_usage(str(self.path)).used
            if not _mount("-o", f"remount,size={used // 1024 + _FULL_DISK_FREE_KB}k", self.path):
                return

    def _free(self) -> None:
        """Restore the size of the disk."""
        _mount("-o", f"remount,size={_DISK_SIZE}", self.path)


class SizeLimit(Disk):
    """A simulated disk, without the right to mount: writing processes cannot make a file larger than a page (EFBIG)."""

    method = "RLIMIT_FSIZE"

    def __init__(self, path: Path, writers: Callable[[], Iterable[psutil.Process]]) -> None:
        super().__init__(path)
        self._writers = writers

    def _fill(self) -> None:
        """Limit the processes that run now. A process that starts later is not limited."""
        self._limit(_MAX_FILE_BYTES)

    def _free(self) -> None:
        """Lift the limit."""
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, largest: int) -> None:
        for process in self._writers():
            with suppress(psutil.Error):
                process.rlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))


def may_mount(at: Path) -> bool:
    """Whether this process may mount a tmpfs. This is tried in a folder below `at`."""
    try:
        with Tmpfs(at / "trial"):
            return True
    except OSError:
        return False


def _mount(*arguments: str | Path) -> int:
    return subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode
