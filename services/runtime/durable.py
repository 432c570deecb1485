"""Small files and folders that are there whole or not at all, also after a power cut."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

_PARTIAL = ".partial"


def sync(path: Path) -> None:
    """Make a file's bytes, or the names in a directory, durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private(directory: Path) -> None:
    """Make it and its parents where they are missing, durably; each new one is its owner's alone. Raises OSError."""
    if directory.is_dir():
        with suppress(OSError):  # the folder around it may be somebody else's, who answers for it then
            sync(directory.parent)  # whoever made it may have been killed before this
        return
    make_private(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    sync(directory.parent)


def create_once(path: Path, content: bytes) -> bytes:
    """Write a file with mode 0600 unless it is there; returns what it holds. Of several processes, one writes.

    It is durable then, whoever wrote it and was perhaps killed meanwhile. Raises OSError.
    """
    if not path.exists():
        _create(path, content)
    for partial in path.parent.glob(f"{path.name}.*{_PARTIAL}"):  # of those who were second, or killed
        partial.unlink(missing_ok=True)
    sync(path)
    sync(path.parent)
    return path.read_bytes()


def _create(path: Path, content: bytes) -> None:
    """Unless another process is first: then its content counts."""
    partial = path.with_name(f"{path.name}.{secrets.token_hex(8)}{_PARTIAL}")
    _write(partial, content)
    with suppress(FileExistsError, FileNotFoundError):  # the other one may have removed what is of no use now
        os.link(partial, path)  # unlike a rename, it never replaces


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
