"""Deletes a folder two levels below a root without following links."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from services.runtime import beneath


def remove_inner(root: Path, outer: str, inner: str) -> None:
    """Delete `root/outer/inner` with its content, and `outer` if it is then empty. Idempotent. Raises OSError.

    A link in place of `inner` is deleted, and one in place of `outer` is not followed; their targets stay. The caller
    must have checked that both are plain names.
    """
    with nothing_there(), beneath.folder(root, [outer]) as folder:
        if not _is_folder(inner, folder):
            os.unlink(inner, dir_fd=folder)
            return
        try:
            shutil.rmtree(inner, dir_fd=folder)
        except OSError:
            if _is_folder(inner, folder):  # otherwise it became a link in the meantime; the next sweep deletes it
                raise
    with suppress(OSError), beneath.folder(root, []) as top:  # the folder holds something else, or soon will
        os.rmdir(outer, dir_fd=top)


@contextmanager
def nothing_there() -> Iterator[None]:
    """Ignore errors for something that no longer exists or is a link."""
    try:
        yield
    except OSError as error:
        if error.errno not in beneath.NOTHING_THERE:
            raise


def _is_folder(name: str, parent: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
