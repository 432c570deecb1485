"""The worker's side of an artifact store in a folder."""

import fcntl
import os
import re
import shutil
import threading
from contextlib import suppress
from pathlib import Path

from services.contract.job import Job
from services.contract.store import MARKER, SPOOL

_LOCK = "lock"
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,127}")


class ArtifactFolder:
    """The store at `root`, and this process's spool folder in it, which is made when the first job needs it."""

    def __init__(self, root: Path, worker_id: str) -> None:
        self.root = root
        self._spool = root / SPOOL / worker_id
        self._lock: int | None = None
        self._making = threading.Lock()  # two first jobs come in two threads

    def store_id(self) -> str:
        """The UUID in the marker; empty when there is none: the api has not made this store."""
        try:
            return (self.root / MARKER).read_text("ascii").strip()
        except (OSError, ValueError):
            return ""

    def spool_for(self, job: Job) -> Path:
        """A new folder for the files of one attempt. Raises OSError."""
        with self._making:
            if self._lock is None:
                self._lock = _locked_folder(self._spool)
        folder = self._spool / _safe(job.lease.lease_id)
        folder.mkdir(exist_ok=True)
        return folder

    def sweep(self) -> list[str]:
        """Remove what dead workers left in the spool; returns the names of their folders."""
        try:
            others = [f for f in (self.root / SPOOL).iterdir() if f != self._spool]
        except OSError:
            return []
        return [folder.name for folder in others if _swept(folder)]

    def clean(self, job: Job) -> None:
        """Remove the job's spool folder. Idempotent."""
        with suppress(ValueError):  # a name that no folder was made for
            shutil.rmtree(self._spool / _safe(job.lease.lease_id), ignore_errors=True)

    def withdraw(self, job: Job) -> None:
        """Remove what the attempt published: only when nothing can point at it. Idempotent."""
        with suppress(ValueError, OSError):  # rmdir: another attempt's file is there, or nothing
            folder = self.root / prefix_of(job)
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.rmdir()

    def close(self) -> None:
        """Remove the spool folder and give up its lock."""
        if self._lock is not None:
            shutil.rmtree(self._spool, ignore_errors=True)
            os.close(self._lock)
            self._lock = None


def prefix_of(job: Job) -> Path:
    """Where the attempt's file goes, below the root. Raises ValueError for a prefix that leads elsewhere."""
    parts = job.artifact_prefix.rstrip("/").split("/")
    return Path(*(_safe(part) for part in parts))


def publish(file: Path, root: Path, job: Job, name: str) -> str:
    """Move a finished file to its place and make it durable there; returns its key. Raises OSError."""
    folder = prefix_of(job)
    _sync(file, os.O_RDONLY)
    _move(file, root / folder, name)
    for level in (folder, *folder.parents):
        _sync(root / level, os.O_DIRECTORY)
    return str(folder / name)


def _move(file: Path, folder: Path, name: str) -> None:
    """Whoever removes what another attempt left takes the export's folder along when it is empty: then once more."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file.replace(folder / name)
        except FileNotFoundError:
            if not file.exists():
                raise
        else:
            return


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _safe(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a folder")
    return name


def _locked_folder(folder: Path) -> int:
    """Make a folder and hold the lock in it for as long as the process lives (or the handle is open)."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # swept in between, while it was without its lock: once more
            handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_still_at(folder / _LOCK, handle):
                return handle
            os.close(handle)


def _is_still_at(path: Path, handle: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False


def _swept(folder: Path) -> bool:
    """Remove a spool folder unless its worker lives."""
    try:
        handle = os.open(folder / _LOCK, os.O_RDWR)
    except OSError:
        with suppress(OSError):  # not empty: no worker's folder. Empty: one that is being made, or was never used
            folder.rmdir()
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
