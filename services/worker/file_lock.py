"""Locks on files that say who lives: the system lets go of them when their process ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


def create_locked(path: Path) -> int:
    """Open a file, made with its folders where they are missing, and lock it for as long as the handle is open.

    What is made is its owner's alone. Waits while somebody else holds it. Raises OSError.
    """
    while True:
        with suppress(FileNotFoundError):  # a folder was removed in between: try once more
            _make(path.parent)
            with _opened(path.parent) as folder:
                return create_locked_in(folder, path.name)


def create_locked_in(folder: int, name: str) -> int:
    """As create_locked, in a folder that is open. Raises OSError, for a link, too."""
    while True:
        with ExitStack() as opened:
            handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=folder)
            opened.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_at(name, handle, folder):
                opened.pop_all()
                return handle


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _make(folder: Path) -> None:
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """Holds the lock of a file within the context; False when somebody else does, or the file is not there."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        yield False
        return
    try:
        yield _is_taken(handle) and _is_at(str(path), handle)
    finally:
        os.close(handle)


def _is_taken(handle: int) -> bool:
    """Whether this took the lock."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_at(name: str, handle: int, folder: int | None = None) -> bool:
    """False when the file was removed or replaced before it was locked: the lock says nothing of what is there now."""
    with suppress(FileNotFoundError):
        return os.stat(name, dir_fd=folder).st_ino == os.fstat(handle).st_ino
    return False
