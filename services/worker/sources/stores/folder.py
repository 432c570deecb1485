"""Files below a folder, opened one at a time as attachments of an export."""

import os
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from services.runtime import beneath, logs
from services.worker.sources import errors

HARD_LINKS = "hard_links"
"""Name of the setting that allows files with several names."""

_MAX_TRIES = 3
"""How often a path is resolved again after one of its folders was replaced by a link in the meantime."""


class Folder:
    """A folder of regular files. `hard_links` allows files that also have other names."""

    def __init__(self, source_id: str, root: Path, *, hard_links: bool = False) -> None:
        self._id = source_id
        self._root = root
        self._hard_links = hard_links

    def open(self, path: str) -> BinaryIO | None:
        """Open the file at `path`, a relative path with `/`. The caller closes it.

        None when there is no such regular file below the root. This includes a path or a symbolic link that leads out
        of the root. Raises SourceFailed when the root itself is missing or the file cannot be read.
        """
        try:
            return self._opened(path)
        except beneath.OtherNames:
            logs.get().warning("attachment_is_hard_link", source=self._id)
            return None
        except OSError as error:
            # A name made of a row's values may be too long for any file, or have a file where a folder should be.
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
    """Resolve a relative path.

    Return the names of its folders and file below the root, none of them a link; None when it leads out of the root.
    The result may be outdated at once, so the caller must open it without following links. Raises OSError when nothing
    is there.
    """
    if not is_plain(path):
        return None
    # Path.resolve raises a RuntimeError for circular links.
    real_root = os.path.realpath(root, strict=True)
    real = Path(os.path.realpath(Path(real_root, path), strict=True))
    return real.relative_to(real_root).parts if real.is_relative_to(real_root) else None


def is_plain(path: str) -> bool:
    """Whether a path is relative and not empty, and has no `..`, no NUL and no surrogate."""
    unprintable = "\0" in path or any("\ud800" <= c <= "\udfff" for c in path)
    return bool(path) and not unprintable and not path.startswith("/") and ".." not in PurePosixPath(path).parts
