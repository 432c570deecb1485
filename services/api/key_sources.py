"""Where the server's keys come from: a file, an environment variable, or a command."""

import asyncio
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from services.api.secrets import ring_text
from services.api.secrets.ring import KeyRing
from services.api.secrets.server_keys import Again, ServerKeys
from services.api.settings import ApiSettings
from services.api.storage.datadir import key_file, secret_key
from services.runtime import logs
from services.runtime.durable import replace_private
from services.runtime.ownership import own_folder
from services.runtime.secret_text.reading import SecretUnreadable, of_command
from services.runtime.startup import CannotStart, using

LOOKED_AT_S = 10.0
"""How often a process looks whether the file of the keys has changed."""


class KeysUnusable(CannotStart):
    """The server's keys cannot be read or are invalid. The message contains no part of them."""


def is_file(settings: ApiSettings) -> bool:
    """Whether the keys are in a file."""
    return not (settings.secret_key or settings.secret_key_command)


def file_of(settings: ApiSettings) -> Path:
    """Return the file of the keys, if they are in a file."""
    return key_file(settings.data_dir, settings.secret_key_file)


def named(settings: ApiSettings) -> str:
    """Return where the keys are, for messages."""
    if settings.secret_key_command:
        return "EXPORTD_SECRET_KEY_COMMAND"
    return "EXPORTD_SECRET_KEY" if settings.secret_key else str(file_of(settings))


def read(settings: ApiSettings, *, make: bool = True) -> KeyRing:
    """Read the keys. With `make` the file in the data directory is created if it is missing.

    Raises KeysUnusable, SecretKeyTooShort, NotOurs, CannotUse.
    """
    try:
        if settings.secret_key_command:
            return ring_text.of_text(of_command(settings.secret_key_command).decode("ascii"))
        if settings.secret_key:
            return ring_text.of_text(settings.secret_key)
        return _of_file(settings, make=make and settings.secret_key_file is None)
    except (ring_text.RingUnreadable, SecretUnreadable) as wrong:
        raise KeysUnusable(f"{named(settings)}: {wrong}") from None
    except UnicodeDecodeError:
        raise KeysUnusable(f"{named(settings)}: a key ring is ASCII text") from None


def opened(settings: ApiSettings, monotonic: Callable[[], float]) -> ServerKeys:
    """Read the keys of a process that serves; see `read`."""
    again = Again(partial(_again, settings), monotonic) if is_file(settings) else None
    return ServerKeys(read(settings), again)


def _of_file(settings: ApiSettings, *, make: bool) -> KeyRing:
    file = file_of(settings)
    if make:
        with using("EXPORTD_DATA_DIR", settings.data_dir):
            own_folder(settings.data_dir)
    with using("EXPORTD_SECRET_KEY_FILE", file):
        content = secret_key(file, make=make)
        mode = file.stat().st_mode
    if mode & stat.S_IWOTH:
        raise KeysUnusable(f"{file}: every user of this machine can change it; run: chmod o= {file}")
    return ring_text.of_file(content)


def _again(settings: ApiSettings) -> KeyRing:
    """Read a file again. Raises ValueError."""
    try:
        return _of_file(settings, make=False)
    except CannotStart as unusable:
        raise ValueError from unusable


class Following:
    """Takes over the keys of a file that has changed, and those of any source at SIGHUP."""

    def __init__(self, settings: ApiSettings, keys: ServerKeys) -> None:
        self._settings = settings
        self._keys = keys

    def reload(self) -> None:
        """Read the keys again. If they cannot be used, log why and keep the previous ones."""
        try:
            ring = read(self._settings, make=False)
        except CannotStart as unusable:
            logs.get().error("server_keys_refused", reason=str(unusable))
            return
        if ring != self._keys.ring:
            self._keys.use(ring)
            logs.get().info("server_keys_reloaded", primary=ring.primary.id or "first", count=len(ring.keys))

    async def run(self) -> None:
        """Look at the file again and again until cancelled."""
        while is_file(self._settings):
            await asyncio.sleep(LOOKED_AT_S)  # the period
            await asyncio.to_thread(self.reload)


@contextmanager
def changing(file: Path) -> Iterator[None]:
    """Reserve the file of the keys for one command that changes it. Raises KeysUnusable, OSError."""
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise KeysUnusable(f"{file}: another command is changing the keys") from None
        if os.fstat(descriptor).st_ino != file.stat().st_ino:
            raise KeysUnusable(f"{file}: another command has changed the keys; run this one again")
        yield
    finally:
        os.close(descriptor)


def write(file: Path, ring: KeyRing) -> None:
    """Replace the file by one with these keys, for its owner only. Raises OSError."""
    replace_private(file, ring_text.written(ring).encode())
