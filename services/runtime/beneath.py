"""Opens files below a root so that no symbolic link leads out of it.

Each step is opened relative to the previous one and must not be a link. If a path were checked first and opened later,
one of its folders could be replaced by a link in between.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

# Passing through a folder does not require the right to list it.
_STEP = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe in place of a file must not block

NOTHING_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
"""Errors for a file or folder that does not exist. A link counts as missing."""


class OtherNames(OSError):
    """A file has another name, so it may also be a file that lies elsewhere."""


@contextmanager
def folder(root: Path, steps: Sequence[str], *, listed: bool = False) -> Iterator[int]:
    """Open a folder and yield its descriptor, for calls with a `dir_fd` and, with `listed`, for os.scandir.

    `root` itself may be a link. Each step is one name, and not empty, `.` or `..`. Raises OSError.
    """
    descriptor = os.open(root, (_LISTED if listed and not steps else _STEP) & ~os.O_NOFOLLOW)
    try:
        for place, step in enumerate(steps, 1):
            inner = os.open(step, _LISTED if listed and place == len(steps) else _STEP, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def made(root: Path, steps: Sequence[str]) -> Iterator[list[int]]:
    """Yield the descriptors of `root` and of the folder after each step.

    Missing folders are created for their owner only. The descriptors can be synced. Steps and root are as in `folder`.
    Raises OSError, also for a link in place of a folder.
    """
    with ExitStack() as opened:
        descriptors = [os.open(root, _LISTED & ~os.O_NOFOLLOW)]
        opened.callback(os.close, descriptors[0])
        for step in steps:
            descriptors.append(_folder_made(step, descriptors[-1]))
            opened.callback(os.close, descriptors[-1])
        yield descriptors


def _folder_made(name: str, parent: int) -> int:
    """Open a folder, and make it if it is missing. Nothing is written for one that is there."""
    try:
        return os.open(name, _LISTED, dir_fd=parent)
    except FileNotFoundError:
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
        return os.open(name, _LISTED, dir_fd=parent)


def open_file(root: Path, steps: Sequence[str], *, other_names: bool = False) -> int:
    """Open a regular file for reading and return its descriptor. The caller closes it.

    Raises OSError: FileNotFoundError when it is not a regular file, and OtherNames for a hard link unless `other_names`
    are allowed.
    """
    with folder(root, steps[:-1]) as parent:
        descriptor = os.open(steps[-1], _FILE, dir_fd=parent)
    try:
        _check(os.fstat(descriptor), steps[-1], other_names=other_names)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check(found: os.stat_result, name: str, *, other_names: bool) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise FileNotFoundError(errno.ENOENT, "this is not a regular file", name)
    if found.st_nlink > 1 and not other_names:
        raise OtherNames(errno.EPERM, "this file is a hard link", name)
