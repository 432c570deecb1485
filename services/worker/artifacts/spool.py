"""The spool of a folder store: files that are being written.

Each is locked by its writer; unlocked files can be deleted.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from services.contract.job import LeaseRef
from services.runtime import beneath
from services.worker.file_lock import create_locked_in, locked_if_free


class Spool:
    """The folder `name` in `root`.

    It is in the same file system as the keys, so that finished files are moved by a rename.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._root = root
        self._name = name
        self._folder = root / name

    def place(self, lease: LeaseRef, name: str) -> str:
        """Return the path of a growing file, relative to the root.

        It is unique, as ids of exports and leases contain no dots.
        """
        return f"{self._name}/{_beginning(lease)}{name}"

    def open(self, place: str) -> BinaryIO:
        """Create an empty file, locked while it is open. Waits while another writer has it. Raises OSError."""
        with beneath.made(self._root, [self._name]) as folders:
            handle = create_locked_in(folders[-1], place.removeprefix(f"{self._name}/"))
        os.ftruncate(handle, 0)
        return os.fdopen(handle, "w+b")

    def remove(self, lease: LeaseRef) -> None:
        """Delete the files of an attempt. Idempotent. Files that cannot be deleted are left to the sweep."""
        for path in self._files():
            if path.name.startswith(_beginning(lease)):
                with suppress(OSError):
                    path.unlink()

    def sweep(self) -> list[str]:
        """Delete the files of dead writers. Return their names."""
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
