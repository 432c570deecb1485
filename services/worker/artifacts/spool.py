"""Files that are being written in a folder store, each locked by its writer: what nobody locks any more can go."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from services.contract.job import LeaseRef
from services.runtime import beneath
from services.worker.file_lock import create_locked_in, locked_if_free


class Spool:
    """The folder `name` in `root`: in one file system with the keys, to which finished files move by a rename."""

    def __init__(self, root: Path, name: str) -> None:
        self._root = root
        self._name = name
        self._folder = root / name

    def place(self, lease: LeaseRef, name: str) -> str:
        """Where a file of an attempt grows, from the root. Ids of exports and leases have no dots: no two share one."""
        return f"{self._name}/{_beginning(lease)}{name}"

    def open(self, place: str) -> BinaryIO:
        """An empty file there, locked while it is open. Waits for whoever writes it. Raises OSError."""
        with beneath.made(self._root, [self._name]) as folders:
            handle = create_locked_in(folders[-1], place.removeprefix(f"{self._name}/"))
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
