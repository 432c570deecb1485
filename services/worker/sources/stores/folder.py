"""Files below a directory, opened one at a time: the attachments of an export."""

import errno
import os
import stat
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from services.worker.sources import errors

# A pipe in the folder must not hang the reading; the last component is what `resolve` has already followed.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
# A name built from a row may be too long for any file, or go through one.
_NO_SUCH_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})


class Folder:
    """A directory of regular files."""

    def __init__(self, source_id: str, root: Path) -> None:
        self._id = source_id
        self._root = root

    def open(self, path: str) -> BinaryIO | None:
        """The file at `path`, relative with `/`; the caller closes it.

        None when there is no such regular file below the root, which is also what a path or a symbolic link that
        leads out of it comes to. Raises SourceFailed when the root itself is gone or the file cannot be read.
        """
        try:
            target = beneath(self._root, path)
            return _opened(target) if target else None
        except OSError as error:
            if error.errno in _NO_SUCH_FILE and self._root.is_dir():
                return None
            raise errors.unavailable(self._id) from error


def beneath(root: Path, path: str) -> Path | None:
    """The real path of a relative one; None when that is outside of the root. Raises OSError when nothing is there."""
    if not is_plain(path):
        return None
    # Not Path.resolve: that raises a RuntimeError for links in a circle.
    real_root = os.path.realpath(root, strict=True)
    real = Path(os.path.realpath(Path(real_root, path), strict=True))
    return real if real.is_relative_to(real_root) else None


def is_plain(path: str) -> bool:
    """Whether a path is relative and names each step: no `..`, no NUL, no surrogate, not empty."""
    unprintable = "\0" in path or any("\ud800" <= c <= "\udfff" for c in path)
    return bool(path) and not unprintable and not path.startswith("/") and ".." not in PurePosixPath(path).parts


def _opened(path: Path) -> BinaryIO | None:
    descriptor = os.open(path, _FLAGS)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    return None
