"""The data directory: what the api keeps on its own disk, and the lock that makes it one process's."""

import fcntl
import os
import secrets
from pathlib import Path
from typing import Self

from services.runtime.durable import create_once
from services.runtime.ownership import opened_own, own_file, own_folder
from services.runtime.startup import CannotStart

KEY_BYTES = 32


class DataDirectoryInUse(CannotStart):
    """Another process holds the directory."""

    def __init__(self, directory: Path, holder: str) -> None:
        super().__init__(
            f"the data directory {directory} is in use by process {holder or '(unknown)'}: "
            "stop that one, or give this one another EXPORTD_DATA_DIR"
        )


class SecretKeyTooShort(CannotStart):
    """A key file holds fewer bytes than a key has."""

    def __init__(self, file: Path, size: int) -> None:
        super().__init__(f"the key file {file} holds {size} bytes and needs at least {KEY_BYTES} random ones")


class DataDirectory:
    """An open data directory, held until it is closed or the process ends, however it ends."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock: int | None = lock

    @classmethod
    def open(cls, path: Path) -> Self:
        """Make the directory where it is missing, and hold it. Raises DataDirectoryInUse, NotOurs, OSError."""
        own_folder(path)
        # A file of its own: to lock the database file would undo SQLite's own locks on it.
        lock = opened_own(path / "lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).decode().strip()
            os.close(lock)
            raise DataDirectoryInUse(path, holder) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        return cls(path, lock)

    @property
    def database(self) -> Path:
        """The file of the store."""
        return self.database_in(self.path)

    @staticmethod
    def database_in(path: Path) -> Path:
        """The file of the store in a data directory."""
        return path / "exportd.sqlite3"

    @property
    def artifacts(self) -> Path:
        """Where artifacts are, unless the settings name another place."""
        return self.path / "artifacts"

    def close(self) -> None:
        """Let the next process have it. Idempotent."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def key_file(directory: Path, configured: Path | None) -> Path:
    """Where the server's key is: in the file that the settings name, else in one of the data directory."""
    return directory / "secret.key" if configured is None else configured


def secret_key(file: Path, *, make: bool) -> bytes:
    """The server's key, at least 32 bytes. With `make` it is made when there is none, once.

    It needs no lock. Raises SecretKeyTooShort, NotOurs, OSError.
    """
    key = _own_key(file) if make else file.read_bytes()
    if len(key) < KEY_BYTES:
        raise SecretKeyTooShort(file, len(key))
    return key


def _own_key(file: Path) -> bytes:
    key = create_once(file, secrets.token_bytes(KEY_BYTES))
    own_file(file)
    return key
