"""Small files and folders that exist completely or not at all, even after a power failure."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

_PARTIAL = ".partial"


def sync(path: Path) -> None:
    """Make a file's bytes, or the names in a folder, durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private(directory: Path) -> None:
    """Create a folder and its missing parents durably. Each new one is accessible to its owner only. Raises OSError."""
    if directory.is_dir():
        with suppress(OSError):  # the folder around it may belong to another user, who is then responsible for it
            sync(directory.parent)  # the process that created it may have been killed before it synced
        return
    make_private(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    sync(directory.parent)


def create_once(path: Path, content: bytes) -> bytes:
    """Create a file with mode 0600 unless it exists, and return its content. Of several processes, only one writes it.

    The file is durable afterwards, even if the process that wrote it was killed in the meantime. Raises OSError.
    """
    if not path.exists():
        _create(path, content)
    for partial in path.parent.glob(f"{path.name}.*{_PARTIAL}"):  # left by processes that were second or were killed
        partial.unlink(missing_ok=True)
    sync(path)
    sync(path.parent)
    return path.read_bytes()


def replace_private(path: Path, content: bytes) -> None:
    """Replace a file by one with mode 0600 and this content, durably. Raises OSError."""
    partial = path.with_name(f"{path.name}.{secrets.token_hex(8)}{_PARTIAL}")
    _write(partial, content)
    partial.replace(path)
    sync(path.parent)


def _create(path: Path, content: bytes) -> None:
    """Create the file unless another process is first; then its content is used."""
    partial = path.with_name(f"{path.name}.{secrets.token_hex(8)}{_PARTIAL}")
    _write(partial, content)
    with suppress(FileExistsError, FileNotFoundError):  # the other process may have deleted this partial file
        os.link(partial, path)  # unlike a rename, a link never replaces a file


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
