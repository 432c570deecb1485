"""Why a process does not start."""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class CannotStart(Exception):
    """What keeps a process from starting, and how to fix it: the message is for whoever starts it."""


class CannotListen(CannotStart):
    """The address is taken or not this machine's; `setting` is what names another one."""

    def __init__(self, address: str, setting: str) -> None:
        super().__init__(
            f"cannot listen on {address}: it is in use, or not an address of this machine; set {setting} to another one"
        )


class CannotUse(CannotStart):
    """A file or folder that a setting names, or stands for when it is not set."""

    def __init__(self, setting: str, path: Path, why: OSError) -> None:
        named = f" ({why.filename})" if why.filename not in (None, str(path), path) else ""
        super().__init__(f"{setting}: {path} cannot be used: {why.strerror or why}{named}")


def check_free(address: str, setting: str) -> None:
    """Whether HOST:PORT can be listened on now; an empty one is none. Raises CannotListen.

    For what should be known before long work begins: it is not held.
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
    """Whether a folder can be written to, or made where it is missing; nothing stays. Raises CannotUse."""
    with using(setting, folder):
        there = next(each for each in (folder, *folder.parents) if each.exists())
        tempfile.TemporaryFile(dir=there).close()


@contextmanager
def using(setting: str, path: Path) -> Iterator[None]:
    """An OSError within the context is CannotUse."""
    try:
        yield
    except OSError as why:
        raise CannotUse(setting, path, why) from why
