"""File locks that show whether a process is alive. The system releases them when the process ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


def create_locked(path: Path) -> int:
    """Open a file and lock it while the handle is open. The file and its folders are created if they are missing.

    Only the owner may access what is created. Waits while another process holds the lock. Raises OSError.
    """
    while True:
        with suppress(FileNotFoundError):  # a folder was removed in the meantime: try again
            _make(path.parent)
            with _opened(path.parent) as folder:
                return create_locked_in(folder, path.name)


def create_locked_in(folder: int, name: str) -> int:
    """Like create_locked, in a folder that is open. Raises OSError, also for a symbolic link."""
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
    """Hold the lock of a file within the context.

    Yields False when another process holds it or the file does not exist.
    """
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
    """Try to take the lock without waiting; return whether it was taken."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_at(name: str, handle: int, folder: int | None = None) -> bool:
    """Whether the locked file is still the one at this name.

    A file that was removed or replaced before it was locked is not.
    """
    with suppress(FileNotFoundError):
        return os.stat(name, dir_fd=folder).st_ino == os.fstat(handle).st_ino
    return False
