"""Opens files below a root so that no link leads out of it: each step is opened from the one before, and is no link.

A path that is checked first and opened later leaves a moment in which one of its folders can be replaced by a link.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

# A folder that may be passed through need not be one that may be listed.
_STEP = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe in the place of a file must not hang

NOTHING_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
"""What opening comes to when there is no such file or folder: a link is none."""


class OtherNames(OSError):
    """A file has another name: it may be one of a file that lies elsewhere."""


@contextmanager
def folder(root: Path, steps: Sequence[str], *, listed: bool = False) -> Iterator[int]:
    """The descriptor of a folder, for calls that take a `dir_fd`, and with `listed` for os.scandir.

    `root` itself may be a link. Each step is one name, neither empty nor `.` nor `..`. Raises OSError.
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
    """The descriptors of `root` and of the folder after each step, made where it is missing, its owner's alone.

    They may be synced. Steps and root as in `folder`. Raises OSError: a link in the place of a folder is none.
    """
    with ExitStack() as opened:
        descriptors = [os.open(root, _LISTED & ~os.O_NOFOLLOW)]
        opened.callback(os.close, descriptors[0])
        for step in steps:
            with suppress(FileExistsError):
                os.mkdir(step, 0o700, dir_fd=descriptors[-1])
            descriptors.append(os.open(step, _LISTED, dir_fd=descriptors[-1]))
            opened.callback(os.close, descriptors[-1])
        yield descriptors


def open_file(root: Path, steps: Sequence[str], *, other_names: bool = False) -> int:
    """The descriptor of a regular file, to be read and closed. Raises OSError; FileNotFoundError where it is none.

    OtherNames for a hard link, unless `other_names` are allowed.
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
