"""The scratch folder of a worker, for data that is needed only while files are built."""

import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path

from services.contract.job import LeaseRef
from services.contract.store import is_part
from services.worker.file_lock import create_locked, locked_if_free

_LOCK = "lock"


class Scratch:
    """A folder of this worker below `root`, created when it is first needed, with one folder for each attempt.

    root/{worker}/lock      locked while the worker lives
    root/{worker}/{lease}/  used by one of its children at a time

    A folder that an attempt leaves empty is used by a later one, whose lease has another name: to create and remove a
    folder takes longer than a small export, because the disk's journal is written.
    """

    def __init__(self, root: Path, worker_id: str) -> None:
        self._root = root
        self._own = root / worker_id
        self._lock: int | None = None
        self._making = threading.Lock()  # jobs come in several threads
        self._used: dict[str, Path] = {}
        self._spare: list[Path] = []

    def folder_for(self, lease: LeaseRef) -> Path:
        """Return an empty folder for one attempt, and the same one if asked again.

        Raises OSError, and ValueError for a lease whose id is not a valid name.
        """
        new = self._folder(lease)
        with self._making:
            if self._lock is None:
                self._lock = create_locked(self._own / _LOCK)
            if lease.lease_id not in self._used:
                self._used[lease.lease_id] = self._spare.pop() if self._spare else new
            folder = self._used[lease.lease_id]
        folder.mkdir(mode=0o700, exist_ok=True)  # somebody may have removed a spare one
        return folder

    def remove(self, lease: LeaseRef) -> None:
        """Remove what an attempt left in its folder, when its process has ended or is done. Idempotent."""
        with self._making:
            folder = self._used.pop(lease.lease_id, None)
        if folder is None:
            return
        with suppress(OSError), os.scandir(folder) as entries:
            if not any(entries):
                with self._making:
                    self._spare.append(folder)
                return
        shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> list[str]:
        """Remove the folders of dead workers. Return their names."""
        try:
            others = [folder for folder in self._root.iterdir() if folder != self._own]
        except OSError:
            return []
        return [folder.name for folder in others if _swept(folder)]

    def close(self) -> None:
        """Remove the worker's folder and release its lock. Idempotent."""
        if self._lock is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            os.close(self._lock)
            self._lock = None

    def _folder(self, lease: LeaseRef) -> Path:
        """Return the folder of a lease.

        Its contents will be deleted, so a name that leads elsewhere raises ValueError.
        """
        folder = Path(os.path.normpath(self._own / lease.lease_id))
        if not is_part(lease.lease_id) or folder.parent != Path(os.path.normpath(self._own)):
            raise ValueError(f"{lease.lease_id!r} is not a name for a folder")
        return folder


def _swept(folder: Path) -> bool:
    """Remove a folder unless its worker is alive.

    A folder without a lock is just being created or belongs to no worker.
    """
    with locked_if_free(folder / _LOCK) as free:
        if free:
            shutil.rmtree(folder, ignore_errors=True)
            return True
    with suppress(OSError):  # the folder is not empty
        folder.rmdir()
    return False
