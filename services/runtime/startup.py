"""Reasons why a process does not start."""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class CannotStart(Exception):
    """The process cannot start. The message says why and how to fix it."""


class CannotListen(CannotStart):
    """The address is in use, or not an address of this machine. `setting` is the setting to change."""

    def __init__(self, address: str, setting: str) -> None:
        super().__init__(
            f"cannot listen on {address}: it is in use, or not an address of this machine; set {setting} to another one"
        )


class CannotUse(CannotStart):
    """The file or folder of a setting, or of its default, cannot be used."""

    def __init__(self, setting: str, path: Path, why: OSError) -> None:
        named = f" ({why.filename})" if why.filename not in (None, str(path), path) else ""
        super().__init__(f"{setting}: {path} cannot be used: {why.strerror or why}{named}")


def check_free(address: str, setting: str) -> None:
    """Check that HOST:PORT can be listened on now; an empty address is ignored. Raises CannotListen.

    It is for early detection before long work begins. The port is not reserved.
    """
    if not address:
        return
    host, _, port = address.rpartition(":")
    try:
        family, *_, where = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        socket.create_server(where[:2], family=family).close()
    except OSError as taken:
        raise CannotListen(address, setting) from taken


def check_folder(folder: Path, setting: str) -> None:
    """Check that a folder can be written to, or created if it is missing. Nothing remains. Raises CannotUse."""
    with using(setting, folder):
        there = next(each for each in (folder, *folder.parents) if each.exists())
        tempfile.TemporaryFile(dir=there).close()


@contextmanager
def using(setting: str, path: Path) -> Iterator[None]:
    """Convert an OSError within the context to CannotUse."""
    try:
        yield
    except OSError as why:
        raise CannotUse(setting, path, why) from why
