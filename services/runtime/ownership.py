"""Files and folders that only this process's user may access, whatever the umask and whatever existed before."""

import os
from pathlib import Path

from services.runtime.durable import make_private
from services.runtime.startup import CannotStart

_FOLDER_MODE, _FILE_MODE = 0o700, 0o600
_OF_OTHERS = 0o077
_ROOT = 0


class NotOurs(CannotStart):
    """Another user owns it, so that user could read, replace or delete what is written there."""

    def __init__(self, path: Path, owner: int) -> None:
        super().__init__(
            f"{path} belongs to user {owner} and this process runs as user {os.geteuid()}: "
            "give it to that user, or name another place"
        )


def own_folder(directory: Path) -> None:
    """Create a folder and its missing parents, and remove all rights of other users to it.

    A folder of root stays unchanged when this process is not root. Raises NotOurs or OSError.
    """
    make_private(directory)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _own(descriptor, directory, _FOLDER_MODE)
    finally:
        os.close(descriptor)


def own_file(path: Path) -> None:
    """Create an empty file if it is missing, and remove all rights of other users to it. Raises NotOurs or OSError."""
    os.close(opened_own(path))


def opened_own(path: Path) -> int:
    """Like `own_file`, but return the descriptor for reading and writing. The caller closes it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
    try:
        _own(descriptor, path, _FILE_MODE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def check_owner(path: Path) -> None:
    """Check that the path does not exist or belongs to this user or root. Raises NotOurs or OSError."""
    if path.exists():
        _check(path, path.stat().st_uid)


def _own(descriptor: int, path: Path, mode: int) -> None:
    status = os.fstat(descriptor)
    _check(path, status.st_uid)
    if status.st_mode & _OF_OTHERS and os.geteuid() in (_ROOT, status.st_uid):
        os.fchmod(descriptor, mode)


def _check(path: Path, owner: int) -> None:
    if owner not in (_ROOT, os.geteuid()):
        raise NotOurs(path, owner)
