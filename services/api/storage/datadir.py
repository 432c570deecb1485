"""The data directory: the files on the api's own disk, and the lock that reserves them for one process."""

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
    """Another process holds the data directory."""

    def __init__(self, directory: Path, holder: str) -> None:
        super().__init__(
            f"the data directory {directory} is in use by process {holder or '(unknown)'}: "
            "stop that one, or give this one another EXPORTD_DATA_DIR"
        )


class SecretKeyTooShort(CannotStart):
    """The key file has too few bytes."""

    def __init__(self, file: Path, size: int) -> None:
        super().__init__(f"the key file {file} holds {size} bytes and needs at least {KEY_BYTES} random ones")


class DataDirectory:
    """An open data directory. It is held until it is closed or the process ends in any way."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock: int | None = lock

    @classmethod
    def open(cls, path: Path) -> Self:
        """Create the directory if it is missing, and hold it. Raises DataDirectoryInUse, NotOurs, OSError."""
        own_folder(path)
        # A separate file: locking the database file itself would release SQLite's own locks on it.
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
        """Return the file of the store in a data directory."""
        return path / "exportd.sqlite3"

    @property
    def artifacts(self) -> Path:
        """The folder of artifacts, unless the settings name another place."""
        return self.path / "artifacts"

    def close(self) -> None:
        """Release the directory for the next process. Idempotent."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def key_file(directory: Path, configured: Path | None) -> Path:
    """Return the file of the server's key: the configured one, otherwise one in the data directory."""
    return directory / "secret.key" if configured is None else configured


def secret_key(file: Path, *, make: bool) -> bytes:
    """Return the server's key, at least 32 bytes. With `make` it is created if it is missing, exactly once.

    No lock is needed. Raises SecretKeyTooShort, NotOurs, OSError.
    """
    key = _own_key(file) if make else file.read_bytes()
    if len(key) < KEY_BYTES:
        raise SecretKeyTooShort(file, len(key))
    return key


def _own_key(file: Path) -> bytes:
    key = create_once(file, secrets.token_bytes(KEY_BYTES))
    own_file(file)
    return key
