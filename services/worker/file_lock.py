"""Locks on files that say who lives: the system lets go of them when their process ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


def create_locked(path: Path) -> int:
    """Open a file, made with its folders where they are missing, and lock it for as long as the handle is open.

    Waits while somebody else holds it. Raises OSError.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError), ExitStack() as opened:  # its folder was removed in between: once more
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            opened.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_at(path, handle):
                opened.pop_all()
                return handle


@contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """Holds the lock of a file within the context; False when somebody else does, or the file is not there."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        yield False
        return
    try:
        yield _is_taken(handle) and _is_at(path, handle)
    finally:
        os.close(handle)


def _is_taken(handle: int) -> bool:
    """Whether this took the lock."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_at(path: Path, handle: int) -> bool:
    """False when the file was removed or replaced before it was locked: the lock says nothing of what is there now."""
    with suppress(FileNotFoundError):
        return path.stat().st_ino == os.fstat(handle).st_ino
    return False
