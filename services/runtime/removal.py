"""Removing a folder two levels below a root, from which no link leads elsewhere."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from services.runtime import beneath


def remove_inner(root: Path, outer: str, inner: str) -> None:
    """Remove `root/outer/inner` and all that it holds, and `outer` when it is empty then. Idempotent. Raises OSError.

    A link in the place of either is removed, or leads to nothing: what it leads to stays. Whoever calls has checked
    that both are names.
    """
    with nothing_there(), beneath.folder(root, [outer]) as folder:
        if not _is_folder(inner, folder):
            os.unlink(inner, dir_fd=folder)
            return
        try:
            shutil.rmtree(inner, dir_fd=folder)
        except OSError:
            if _is_folder(inner, folder):  # else it became a link in between, which the next sweep removes
                raise
    with suppress(OSError), beneath.folder(root, []) as top:  # something else is in it, or is about to be
        os.rmdir(outer, dir_fd=top)


@contextmanager
def nothing_there() -> Iterator[None]:
    """What is gone meanwhile, or is a link, is nothing."""
    try:
        yield
    except OSError as error:
        if error.errno not in beneath.NOTHING_THERE:
            raise


def _is_folder(name: str, parent: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
