"""Files that are being written in a folder store, each locked by its writer: what nobody locks any more can go."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from services.contract.job import LeaseRef
from services.worker.file_lock import create_locked, locked_if_free


class Spool:
    """In one file system with the keys, so that a finished file moves to its key by a rename."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, lease: LeaseRef, name: str) -> Path:
        """Where a file of an attempt grows. Ids of exports and leases have no dots: no two share a path."""
        return self._folder / f"{_beginning(lease)}{name}"

    def open(self, path: Path) -> BinaryIO:
        """An empty file there, locked while it is open. Waits for whoever writes it. Raises OSError."""
        handle = create_locked(path)
        os.ftruncate(handle, 0)
        return os.fdopen(handle, "w+b")

    def remove(self, lease: LeaseRef) -> None:
        """Remove the files of an attempt. Idempotent; what cannot be removed stays for the sweep."""
        for path in self._files():
            if path.name.startswith(_beginning(lease)):
                with suppress(OSError):
                    path.unlink()

    def sweep(self) -> list[str]:
        """Remove the files of dead writers; returns their names."""
        return [path.name for path in self._files() if _swept(path)]

    def _files(self) -> Iterator[Path]:
        with suppress(OSError):  # there is no spool before the first file
            yield from self._folder.iterdir()


def _beginning(lease: LeaseRef) -> str:
    return f"{lease.export_id}.{lease.lease_id}."


def _swept(path: Path) -> bool:
    with locked_if_free(path) as free:
        if free:
            with suppress(OSError):
                path.unlink()
                return True
    return False
