"""Where a worker keeps what it needs only while it builds files."""

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
    """A folder of this worker alone below `root`, made when it is first needed, with one folder for each lease.

    root/{worker}/lock      held while the worker lives
    root/{worker}/{lease}/  its children's, one at a time
    """

    def __init__(self, root: Path, worker_id: str) -> None:
        self._root = root
        self._own = root / worker_id
        self._lock: int | None = None
        self._making = threading.Lock()  # two first jobs come in two threads

    def folder_for(self, lease: LeaseRef) -> Path:
        """A folder for one attempt. Raises OSError, ValueError for a lease that no folder can be called after."""
        folder = self._folder(lease)
        with self._making:
            if self._lock is None:
                self._lock = create_locked(self._own / _LOCK)
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def remove(self, lease: LeaseRef) -> None:
        """Remove the attempt's folder, whose process is dead or done. Idempotent."""
        with suppress(ValueError):  # none was made
            shutil.rmtree(self._folder(lease), ignore_errors=True)

    def sweep(self) -> list[str]:
        """Remove the folders of dead workers; returns their names."""
        try:
            others = [folder for folder in self._root.iterdir() if folder != self._own]
        except OSError:
            return []
        return [folder.name for folder in others if _swept(folder)]

    def close(self) -> None:
        """Remove the worker's folder and let go of its lock. Idempotent."""
        if self._lock is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            os.close(self._lock)
            self._lock = None

    def _folder(self, lease: LeaseRef) -> Path:
        """What is removed is asked for here: a wrong name would take away what is not ours."""
        folder = Path(os.path.normpath(self._own / lease.lease_id))
        if not is_part(lease.lease_id) or folder.parent != Path(os.path.normpath(self._own)):
            raise ValueError(f"{lease.lease_id!r} is not a name for a folder")
        return folder


def _swept(folder: Path) -> bool:
    """Remove a folder unless its worker lives. One without a lock is being made, or is no worker's."""
    with locked_if_free(folder / _LOCK) as free:
        if free:
            shutil.rmtree(folder, ignore_errors=True)
            return True
    with suppress(OSError):  # not empty
        folder.rmdir()
    return False
