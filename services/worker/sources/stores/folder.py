"""Files below a directory, opened one at a time: the attachments of an export."""

import os
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from services.runtime import beneath, logs
from services.worker.sources import errors

HARD_LINKS = "hard_links"
"""The setting of a directory."""

_MAX_TRIES = 3
"""How often a path is resolved again, as one of its folders became a link in between."""


class Folder:
    """A directory of regular files. `hard_links`: whether files that have other names, too, are among them."""

    def __init__(self, source_id: str, root: Path, *, hard_links: bool = False) -> None:
        self._id = source_id
        self._root = root
        self._hard_links = hard_links

    def open(self, path: str) -> BinaryIO | None:
        """The file at `path`, relative with `/`; the caller closes it.

        None when there is no such regular file below the root, which is also what a path or a symbolic link that
        leads out of it comes to. Raises SourceFailed when the root itself is gone or the file cannot be read.
        """
        try:
            return self._opened(path)
        except beneath.OtherNames:
            logs.get().warning("attachment_is_hard_link", source=self._id)
            return None
        except OSError as error:
            # A name built from a row may be too long for any file, or go through one.
            if error.errno in beneath.NOTHING_THERE and self._root.is_dir():
                return None
            raise errors.unavailable(self._id) from error

    def _opened(self, path: str) -> BinaryIO | None:
        for _ in range(_MAX_TRIES):
            steps = steps_below(self._root, path)
            if not steps:
                return None
            try:
                return os.fdopen(beneath.open_file(self._root, steps, other_names=self._hard_links), "rb")
            except OSError as error:
                if error.errno not in beneath.NOTHING_THERE:
                    raise
        return None


def steps_below(root: Path, path: str) -> tuple[str, ...] | None:
    """The names on the way to what a relative path leads to, none of them a link; None when that is out of the root.

    As things are: whoever opens it must not follow links. Raises OSError when nothing is there.
    """
    if not is_plain(path):
        return None
    # Not Path.resolve: that raises a RuntimeError for links in a circle.
    real_root = os.path.realpath(root, strict=True)
    real = Path(os.path.realpath(Path(real_root, path), strict=True))
    return real.relative_to(real_root).parts if real.is_relative_to(real_root) else None


def is_plain(path: str) -> bool:
    """Whether a path is relative and names each step: no `..`, no NUL, no surrogate, not empty."""
    unprintable = "\0" in path or any("\ud800" <= c <= "\udfff" for c in path)
    return bool(path) and not unprintable and not path.startswith("/") and ".." not in PurePosixPath(path).parts
