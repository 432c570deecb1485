"""Files and folders that are this process's user's alone, whatever the umask and whatever was there before."""

import os
from pathlib import Path

from services.runtime.durable import make_private
from services.runtime.startup import CannotStart

_FOLDER_MODE, _FILE_MODE = 0o700, 0o600
_OF_OTHERS = 0o077
_ROOT = 0


class NotOurs(CannotStart):
    """Somebody else owns it: what is written there could be read, replaced or taken away."""

    def __init__(self, path: Path, owner: int) -> None:
        super().__init__(
            f"{path} belongs to user {owner} and this process runs as user {os.geteuid()}: "
            "give it to that user, or name another place"
        )


def own_folder(directory: Path) -> None:
    """Make it and its parents where they are missing, and take from all others what they may do in it.

    One of root's stays as it is when this process is not root. Raises NotOurs, OSError.
    """
    make_private(directory)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _own(descriptor, directory, _FOLDER_MODE)
    finally:
        os.close(descriptor)


def own_file(path: Path) -> None:
    """Make it, empty, where it is missing; take from all others what they may do with it. Raises NotOurs, OSError."""
    os.close(opened_own(path))


def opened_own(path: Path) -> int:
    """As `own_file`; the descriptor, to be read, written and closed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
    try:
        _own(descriptor, path, _FILE_MODE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def check_owner(path: Path) -> None:
    """Whatever is there, or is to come, is ours or root's. Raises NotOurs, OSError."""
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
